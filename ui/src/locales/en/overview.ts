// Overview.
const overview = {
}

export default overview
