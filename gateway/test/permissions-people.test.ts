/** The permission matrix of the rooms that people get in by; see permissions.test.ts. */
import { describePermissions, PEOPLE_ROOMS } from './support/permission-matrix.ts'

describePermissions((tag) => PEOPLE_ROOMS.includes(tag))
