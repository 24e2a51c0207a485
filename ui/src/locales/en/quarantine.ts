// The quarantine.
const quarantine = {}

export default quarantine
