/**
 * Which protections of the books this database lacks. On a server where we make the roles there are none; on a hosted
 * one whose user may not make roles the ledger works all the same, and the operator should know what he goes without.
 */
import { type CatalogueFacts, type LedgerOwner, readCatalogue } from './protections-store.ts'
import type { LedgerPool } from './store.ts'

// More names than this would hide what the sentence says.
const NAMES = 5

/** One plain sentence for each protection that is missing for the user of `pool`; none when all stand. */
export async function missingProtections(pool: LedgerPool): Promise<string[]> {
  const facts = await readCatalogue(pool)
  return [
    ...superuser(facts),
    ...ownUser(facts),
    ...noSeparateRole(facts),
    ...directWrites(facts),
    ...weakTriggers(facts),
    ...openFunctions(facts),
  ]
}

function superuser({ user, isSuperuser }: CatalogueFacts): string[] {
  if (!isSuperuser) return []
  return [
    `The gateway connects as the superuser '${user}', for whom no protection of the ledger holds. Give DATABASE_URL a user that is only a member of 'gateway_app'.`,
  ]
}

function ownUser({ user, isSuperuser, owners }: CatalogueFacts): string[] {
  // A superuser may become anybody, which was said already.
  const ours = isSuperuser ? [] : owners.filter(({ isOurs }) => isOurs)
  return ours.map(
    ({ role }) =>
      `The database user '${user}', with which the gateway serves, ${role === user ? 'owns' : `may become '${role}', who owns`} the ledger: whoever takes the gateway over could switch off its triggers and rewrite or drop its tables. Migrate with one user and serve with another that is only a member of 'gateway_app'.`,
  )
}

function noSeparateRole({ owners }: CatalogueFacts): string[] {
  const people = owners.filter(({ canLogIn }) => canLogIn)
  if (people.length === 0) return []
  return [
    `The ledger has no owner of its own: it belongs to ${listed(people.map(nameOf))}, who can log in. With the right to create roles the migrations give it to 'ledger_owner', who cannot.`,
  ]
}

function nameOf({ role, isSuperuser }: LedgerOwner): string {
  return isSuperuser ? `the superuser '${role}'` : `'${role}'`
}

function directWrites({ user, isSuperuser, writable, mayCreate }: CatalogueFacts): string[] {
  if (isSuperuser) return []
  const sentences: string[] = []
  if (writable.length > 0) {
    const rights = [...new Set(writable.flatMap((each) => each.rights))]
    sentences.push(
      `The database user '${user}' may ${listed(rights)} in tables of the ledger directly (${listed(writable.map(({ table }) => table))}), past the functions that keep the books balanced.`,
    )
  }
  if (mayCreate) {
    sentences.push(
      `The database user '${user}' may create objects in the schema 'ledger', where a function of the same name could be taken for one of ours.`,
    )
  }
  return sentences
}

function weakTriggers({ weakTriggers: triggers }: CatalogueFacts): string[] {
  if (triggers.length === 0) return []
  return [
    `Triggers of the ledger are off or can be switched off by a setting (${listed(triggers)}). Run ALTER TABLE … ENABLE ALWAYS TRIGGER for each as the ledger's owner.`,
  ]
}

function openFunctions({ openFunctions: functions }: CatalogueFacts): string[] {
  if (functions.length === 0) return []
  return [
    `Anybody who can connect to the database may call functions of the ledger (${listed(functions)}). Revoke EXECUTE on them from PUBLIC.`,
  ]
}

/** `a`, `a and b`, `a, b and c`; and how many more where there are many. */
function listed(names: readonly string[]): string {
  const shown = names.length > NAMES ? [...names.slice(0, NAMES), `${names.length - NAMES} more`] : [...names]
  const last = shown.pop() ?? ''
  return shown.length === 0 ? last : `${shown.join(', ')} and ${last}`
}
