// Where the bar of the policy draft stands: above the screen, and in sight while the screen moves under it.

export { DraftBar as DraftSlot } from '../draft/DraftBar'
