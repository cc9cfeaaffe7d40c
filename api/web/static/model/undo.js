// How to make again what was deleted.

/** @typedef {import('./types.js').Flow} Flow */
/** @typedef {import('./types.js').Service} Service */

/**
 * @param {'tap_flows' | 'tap_services'} kind
 * @param {Flow | Service} item as it was
 * @returns {Record<string, unknown>} the body of the request that creates it; a service is created
 *   disabled
 */
export function recreation(kind, item) {
  return kind === 'tap_flows'
    ? flowBody(/** @type {Flow} */ (item))
    : serviceBody(/** @type {Service} */ (item));
}

/** @param {Flow} f */
function flowBody(f) {
  const sources = {
    vnic: { guest_id: f.guest_id, mac_addr: f.mac_addr, ip_addr: f.ip_addr },
    vswitch: { host_id: f.host_id, wire_id: f.wire_id, vlan_id: f.vlan_id },
    selector: { selector: f.selector },
  };
  return filled({
    name: f.name,
    tap_id: f.tap_id,
    type: f.type,
    ...sources[f.type],
    direction: f.direction,
    filter: f.filter,
    snaplen: f.snaplen,
    sample: f.sample,
    vlan: f.vlan,
    starts_at: f.starts_at,
    expires_at: f.expires_at,
    enabled: f.enabled,
    labels: f.labels,
    description: f.description,
  });
}

/** @param {Service} v */
function serviceBody(v) {
  /** @type {Record<string, Record<string, unknown>>} */
  const target = {
    guest: { target_id: v.target_id, mac_addr: v.mac_addr },
    host: { target_id: v.target_id, mac_addr: v.mac_addr },
    remote: { address: v.address, encap: v.encap, key: v.key, port: v.port },
    pool: { members: v.members },
  };
  return filled({
    name: v.name,
    type: v.type,
    ...target[v.type],
    rate_limit: v.rate_limit,
    dedup: v.dedup,
    labels: v.labels,
    description: v.description,
  });
}

/**
 * @param {Record<string, unknown>} body
 * @returns {Record<string, unknown>} it without what is empty; false stays, and 0 where it is a key
 */
function filled(body) {
  return Object.fromEntries(
    Object.entries(body).filter(([, value]) => value !== '' && value !== null && value !== 0),
  );
}
