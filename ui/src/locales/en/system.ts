// System.
const system = {
}

export default system
