// The queue.
const queue = {}

export default queue
