// The domain that filters are asked of, and the records that they are tried on.

const object = (kind, name, spec) => ({ apiVersion: 'permissions.remit.dev/v1alpha1', kind, metadata: { name }, spec });

// conditions are rules that users of the same name may read orders by.
const conditions = {
  'equal': `resource.properties.status == 'sent'`,
  'not-equal': `resource.properties.status != 'draft'`,
  'is-null': `resource.properties.owner == null`,
  'is-not-null': `resource.properties.owner != null`,
  'equal-or-null': `resource.properties.status == null || resource.properties.status == 'paid'`,
  'in': `resource.properties.status in ['draft', 'sent']`,
  'not-in': `!(resource.properties.status in ['draft', 'sent'])`,
  'in-numbers': `resource.properties.total in [0, 100, -5]`,
  'not': `!(resource.properties.status == 'draft' || resource.properties.open == true)`,
  'not-and': `!(resource.properties.status == 'draft' && resource.properties.owner == 'not-and')`,
  'and-or': `resource.properties.open == true && (resource.properties.total > 100 || resource.properties.status != 'draft')`,
  'less': `resource.properties.total < 100`,
  'at-most': `resource.properties.total <= 100`,
  'greater': `resource.properties.total > 0`,
  'at-least': `resource.properties.total >= 100.5`,
  'between': `resource.properties.total > -10 && resource.properties.total <= 100`,
  'bool': `resource.properties.open`,
  'not-bool': `resource.properties.open != true`,
  'starts': `resource.properties.note.startsWith('a')`,
  'ends': `resource.properties.note.endsWith('b')`,
  'contains': `resource.properties.note.contains('100')`,
  'contains-not': `resource.properties.note != null && !resource.properties.note.contains('x')`,
  'starts-wildcard': `resource.properties.note.startsWith('a_')`,
  'ends-wildcard': `resource.properties.note.endsWith('100%')`,
  'contains-wildcard': `resource.properties.note.contains('%')`,
  'contains-not-wildcard': `resource.properties.note != null && !resource.properties.note.contains('a_b')`,
  'quote': `resource.properties.note == "it's \\"quoted\\""`,
  'case': `resource.properties.note.contains('straße')`,
  'owner': `resource.properties.owner == subject.id`,
  'attribute': `resource.properties.company in subject.attributes.companies`,
  'id': `resource.id == 'o-03' || resource.id == 'o-11'`,
};

// users are those with a rule of their name, and those that are there for what else decides.
export const users = [
  ...Object.keys(conditions),
  'always', 'root', 'nobody', 'disabled', 'frozen', 'one-company', 'companies', 'companies-and-rule', 'two-rules',
];

const role = (name, ...rules) => object('Role', name, { rules: rules.map((rule) => ({ resources: ['order'], access: 'ReadOnly', ...rule })) });
const user = (name, roles, spec) => object('User', name, { roles: roles.map((name) => ({ name })), ...spec });
const restriction = (name, user, ...forValues) => object('UserPermission', name, { user, allow: 'company', forValues });

export const manifests = [
  object('ResourceType', 'company', { parentField: 'parent' }),
  object('ResourceType', 'order', { fields: [{ name: 'company', linksTo: 'company' }] }),
  object('RecordSet', 'companies', { resourceType: 'company', records: [{ id: 'group' }, { id: 'north', parent: 'group' }, { id: 'south', parent: 'group' }, { id: 'west' }] }),
  ...Object.entries(conditions).flatMap(([name, condition]) => [
    role(name, { condition }), user(name, [name], { attributes: { companies: ['north', 'west'] } }),
  ]),
  role('everything', {}),
  user('always', ['everything']),
  user('root', [], { superuser: true }),
  user('nobody', []),
  user('disabled', ['everything'], { disabled: true }),
  user('frozen', ['everything']),
  object('SpecialPermission', 'frozen', { user: 'frozen', permissions: [{ resources: ['order'], access: 'None' }] }),
  user('one-company', ['everything']), restriction('one', 'one-company', 'north'),
  user('companies', ['everything']), restriction('tree', 'companies', 'group'),
  user('companies-and-rule', ['not-equal']), restriction('tree-and-rule', 'companies-and-rule', 'group'),
  user('two-rules', ['equal', 'less']),
];

// rows have every property, with null where there is no value; so do the evaluations that they are compared with.
export const rows = [
  ['o-01', 'draft', 'owner', 'north', 100, true, 'a_b'],
  ['o-02', 'sent', 'owner', 'south', 100.5, false, 'axb'],
  ['o-03', 'paid', 'not-and', 'west', 0, true, '100%'],
  ['o-04', null, null, null, null, null, null],
  ['o-05', 'draft', 'not-and', 'group', -5, null, 'straße 100%'],
  ['o-06', 'draft', null, '', 250, true, ''],
  ['o-07', 'Draft', 'Owner', 'North', 99.99, false, 'A_B'],
  ['o-08', 'sent', '', 'north', null, true, "it's \"quoted\""],
  ['o-09', 'paid', 'owner', null, 1e9, null, 'STRASSE'],
  ['o-10', '', 'someone', 'south', -100, false, '%'],
  ['o-11', null, 'owner', 'west', 100, true, 'a_'],
  ['o-12', 'draft ', 'someone', 'north', 1, false, 'ends in a_b'],
].map(([id, status, owner, company, total, open, note]) => ({ id, status, owner, company, total, open, note }));

// refusals are what a library does not take: it throws, and nothing is shown.
export const refusals = Object.fromEntries(
  Object.keys(conditions).filter((name) => name.endsWith('wildcard')).map((name) => [name, { '@cerbos/orm-prisma': /LIKE metacharacters/ }]),
);
