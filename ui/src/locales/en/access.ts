// Users, roles, tokens and sessions.
const access = {
}

export default access
