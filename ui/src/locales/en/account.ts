// Your account.
const account = {
}

export default account
