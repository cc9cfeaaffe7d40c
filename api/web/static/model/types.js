// The types of the API's JSON, as far as the page uses them. api/openapi.yaml describes them.

/** @typedef {'disabled' | 'pending' | 'ready' | 'error' | 'deleting'} Status */
/** @typedef {'viewer' | 'operator' | 'admin'} Role */
/** @typedef {Record<string, string>} Labels */
/** @typedef {{packets: number, bytes: number}} Count */
/**
 * @typedef {Count & {packets_per_second: number, bits_per_second: number}} Flowing
 */
/**
 * @typedef {object} Counters
 * @property {Flowing} captured
 * @property {Count} guarded
 * @property {Flowing | null} delivered
 * @property {Count | null} lost
 * @property {Count} filtered
 * @property {Count | null} limited
 * @property {boolean} shared
 * @property {{captured: Flowing} | null} by_mac
 * @property {{size: number, reason: string} | null} cut
 * @property {string | null} sampled_at
 */
/**
 * @typedef {object} Standing
 * @property {Status} status
 * @property {string} reason
 * @property {string} reason_code
 */
/**
 * @typedef {object} Described
 * @property {string} id
 * @property {string} name
 * @property {Labels} labels
 * @property {string} description
 */
/**
 * @typedef {object} HostFields
 * @property {string} ovsdb
 * @property {string} tunnel_ip
 * @property {Record<string, string>} wires wire to bridge
 * @property {{name: string, mac: string, used_by?: string}[]} nics
 * @property {boolean} connected
 * @property {string} ovs_version
 * @property {string[]} bridges
 * @property {string[]} may_still_copy
 * @property {{code: string, what: string, costs: string, possible: boolean}[]} lacks
 */
/** @typedef {Described & Standing & HostFields} Host */
/**
 * @typedef {object} NIC
 * @property {string} mac
 * @property {string[]} ip_addrs
 * @property {string} ifname
 * @property {string} host_id
 * @property {string} host
 * @property {string} bridge
 * @property {string} port
 */
/**
 * @typedef {object} GuestFields
 * @property {boolean} declared
 * @property {string} state
 * @property {string} host_id
 * @property {string} host
 * @property {NIC[]} nics
 */
/** @typedef {Described & GuestFields} Guest */
/**
 * @typedef {object} ServiceFields
 * @property {'guest' | 'host' | 'remote' | 'pool'} type
 * @property {string} target_id
 * @property {string} target_name
 * @property {string[]} target_ips
 * @property {string} mac_addr
 * @property {string} ifname
 * @property {boolean} enabled
 * @property {string} host_id
 * @property {string} host_name
 * @property {number} flow_count
 * @property {string} address
 * @property {string} encap
 * @property {number | null} key
 * @property {number} port
 * @property {string[]} members
 * @property {string[]} member_names
 * @property {string} rate_limit
 * @property {boolean} dedup
 * @property {string} nic_xml
 * @property {Counters} counters
 */
/** @typedef {Described & Standing & ServiceFields} Service */
/**
 * @typedef {object} FlowFields
 * @property {string} tap_id
 * @property {string} tap_name
 * @property {'vnic' | 'vswitch' | 'selector'} type
 * @property {string} [selector]
 * @property {string} guest_id
 * @property {string} guest_name
 * @property {string} host_id
 * @property {string} host_name
 * @property {string} wire_id
 * @property {string} mac_addr
 * @property {string} ip_addr
 * @property {number} vlan_id
 * @property {'IN' | 'OUT' | 'BOTH'} direction
 * @property {string} filter
 * @property {number} snaplen
 * @property {number} sample
 * @property {string | number} vlan
 * @property {string | null} starts_at
 * @property {string | null} expires_at
 * @property {boolean} enabled
 * @property {Counters} counters
 */
/** @typedef {Described & Standing & FlowFields} Flow */
/** @typedef {{type: string, id: string, name: string, role: Role}} Identity */
/** @typedef {{offset: number, length: number, problem: string, hint: string}} FilterError */
/**
 * @typedef {object} Problem
 * @property {number} status
 * @property {string} title
 * @property {string} detail
 * @property {string} code
 * @property {FilterError} [filter_error]
 * @property {{field: string, detail: string}[]} [errors]
 * @property {Part[]} [parts]
 */
/** @typedef {{name: string, status: 'ok' | 'degraded' | 'failed', detail: string}} Part */
/**
 * @typedef {object} Hop
 * @property {string} what
 * @property {string} host
 * @property {string} bridge
 * @property {string} port
 * @property {number} ofport
 * @property {string} text
 * @property {string} found
 * @property {Status} status
 * @property {string} reason
 * @property {Count | null} count
 */
/** @typedef {Standing & {what: string, host: string, since: string | null, next: string}} Check */
/**
 * @typedef {object} SwitchState
 * @property {string} host
 * @property {Status} status
 * @property {string} reason
 * @property {string} ovs_version
 * @property {{connected: boolean, problem: string}} ovsdb
 * @property {{connected: boolean, problem: string}} openflow
 * @property {{table: string, name: string, text: string, state: string}[]} rows
 * @property {{owner: string, text: string, state: string}[]} flows
 * @property {string} flows_error
 */
/**
 * @typedef {Standing & {
 *   since: string | null, counters: Counters, path: Hop[], checks: Check[], next: string[],
 *   same_packet: {tap_flow: string, reason: string}[], switches: SwitchState[],
 *   flows: (Standing & {id: string, name: string, counters: Counters})[]
 * }} Explanation
 */
/**
 * @typedef {object} AuditRecord
 * @property {string} time
 * @property {{type: string, name: string, role: string}} actor
 * @property {string} remote
 * @property {string} action
 * @property {string} kind
 * @property {string} id
 * @property {string} name
 * @property {string} outcome
 * @property {string} problem
 * @property {number} count
 */
/**
 * @typedef {object} Token
 * @property {string} id
 * @property {string} name
 * @property {Role} role
 * @property {string} created_by
 * @property {string} expires_at
 * @property {boolean} expired
 * @property {string} last_used_at
 * @property {boolean} builtin
 */
/**
 * @typedef {Standing & {
 *   name: string, version: string, path: string, since: string, restarts: number
 * }} Plugin
 */
/** @typedef {{name: string, url: string, role: 'leader' | 'standby', since: string}} Replica */
/** @typedef {{action: string, kind: string, name: string, text: string, was: string, for: string[]}} PlannedItem */
/**
 * @typedef {object} Plan
 * @property {{id: string, name: string, items: PlannedItem[]}[]} hosts
 * @property {{kind: string, name: string, action: string, before: Standing, after: Standing}[]} resources
 */
/** @typedef {{action: string, kind: string, ref?: string, body?: object}} Change */

export {};
