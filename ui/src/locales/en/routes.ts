// Domains and routes.
const routes = {
}

export default routes
