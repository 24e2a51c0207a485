// The simulator.
const simulator = {}

export default simulator
