// A link to a rule, from where no more than its name is known: a verdict, a trace, the quarantine.

import { Link } from '../../lib/router'
import { Inert } from '../mail/Inert'

export function RuleLink({ name }: { name: string }) {
  return (
    <Link to={`/rules/named?name=${encodeURIComponent(name)}`} className="break">
      <Inert text={name} />
    </Link>
  )
}
