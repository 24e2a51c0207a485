// The TLS report.
const reports = {}

export default reports
