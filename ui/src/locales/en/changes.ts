// Changes and the audit log.
const changes = {}

export default changes
