// The architecture, as data (docs/ARCHITECTURE.md, "Rooms"). A folder of src/ may import itself and what its row lists.
const below = {
  base: [],
  crypto: ['base'],
  content: ['base', 'crypto'],
  announce: ['base', 'crypto', 'content'],
  tally: ['base', 'crypto', 'content'],
  money: ['base', 'crypto', 'content', 'tally'],
  transfer: ['base', 'crypto', 'content', 'tally', 'money'],
  bittorrent: ['base', 'crypto', 'content', 'tally', 'money', 'transfer'],
  http: ['base', 'crypto', 'content', 'tally', 'money', 'transfer'],
  discovery: ['base', 'crypto', 'content', 'announce', 'transfer'],
  tracker: ['base', 'crypto', 'content', 'announce', 'tally', 'money'],
  node: '*',
  cli: '*',
}
const pure = 'base|crypto|content|announce|tally|money|reputation|transfer|bittorrent|http|discovery|tracker'
const test = '\\.test\\.ts$'
/** Helpers of tests: `fixture.ts` is a folder's own, `NAME.fixture.ts` one of a kind. Like tests, but importable. */
const fixture = '(/|\\.)fixture\\.ts$'
const forTests = `${test}|${fixture}`
const rule = (name, from, to) => ({ name, severity: 'error', from, to })
const all = Object.keys(below)

module.exports = {
  forbidden: [
    rule('no-cycles', {}, { circular: true }),
    rule('resolves', {}, { couldNotResolve: true }),
    ...all
      .filter((folder) => below[folder] !== '*')
      .map((folder) =>
        rule(
          `${folder}-may-import`,
          { path: `^src/${folder}/`, pathNot: forTests },
          { path: '^src/', pathNot: `^src/(${[folder, ...below[folder]].join('|')})/` },
        ),
      ),
    rule('node-never-imports-cli', { path: '^src/node/' }, { path: '^src/cli/' }),
    rule(
      'pure-folders-use-no-node-builtins',
      { path: `^src/(${pure})/(?!io/)`, pathNot: forTests },
      { dependencyTypes: ['core'] },
    ),
    rule(
      'pure-files-do-not-import-io',
      { path: `^src/(${pure})/(?!io/)`, pathNot: forTests },
      { path: '^src/[a-z]+/io/' },
    ),
    rule('tests-are-leaves', {}, { path: test }),
    rule('product-does-not-import-fixtures', { path: '^src/', pathNot: forTests }, { path: fixture }),
    rule(
      'src-does-not-import-test',
      { path: '^src/', pathNot: forTests },
      { path: '^(test|bench|scripts)/' },
    ),
    rule(
      'no-dev-dependency-in-product',
      { path: '^src/', pathNot: forTests },
      { dependencyTypes: ['npm-dev'], pathNot: 'node_modules/@types' },
    ),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
  },
}
