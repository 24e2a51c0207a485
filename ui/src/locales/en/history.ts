// Message history.
const history = {}

export default history
