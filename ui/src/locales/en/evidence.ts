// Evidence.
const evidence = {}

export default evidence
