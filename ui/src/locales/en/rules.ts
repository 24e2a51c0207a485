// Message Rules: the list and the editor.
const rules = {}

export default rules
