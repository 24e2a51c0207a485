// The draft and its bar.
const draft = {}

export default draft
