// TLS, Enforce for a list, Partner check.
const tls = {}

export default tls
