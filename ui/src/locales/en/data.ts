// Custom Rule Data.
const data = {}

export default data
