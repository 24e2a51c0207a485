// First run.
const setup = {
}

export default setup
