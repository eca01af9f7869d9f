import CLdns
import Glibc
import Household
import TestSupport
import Wire

@testable import NameService

let testKey = NameHashKey(low: 0x0123_4567_89ab_cdef, high: 0xfedc_ba98_7654_3210)

func name(_ text: String) -> DomainName { DomainName(text)! }
func v4(_ text: String) -> IPv4Address { IPv4Address(text)! }
func address(_ text: String) -> IPAddress { IPAddress(text)! }

/// What the zone answered, as libldns reads the message made of it.
struct Reply: Equatable {
  var code: UInt16
  var answers: [String]
  var authority: [String]
  var alias: String?
}

extension ZoneSnapshot {
  /// Asks, puts the sections behind a question as the engine does, and lets libldns read the message. Nil: not ours, or unreadable.
  func ask(_ question: String, _ type: DNSType = .a) -> Reply? {
    let name = name(question).canonical
    guard let answer = name.wire.withUnsafeBytes({ self.answer($0, type: type) }) else { return nil }
    var message = ByteWriter()
    for word in [0, 0x8580 | answer.responseCode.rawValue, 1, answer.answerCount, answer.authorityCount, 0] {
      message.write(word)
    }
    message.write(contentsOf: name.wire)
    message.write(type.rawValue)
    message.write(UInt16(1))
    message.write(contentsOf: answer.answers)
    message.write(contentsOf: answer.authority)
    var packet: UnsafeMutablePointer<ldns_pkt>?
    guard ldns_wire2pkt(&packet, message.bytes, message.count) == LDNS_STATUS_OK else { return nil }
    defer { ldns_pkt_free(packet) }
    return Reply(
      code: answer.responseCode.rawValue, answers: recordLines(ldns_pkt_answer(packet)),
      authority: recordLines(ldns_pkt_authority(packet)), alias: DomainName(wire: answer.alias)?.description)
  }
}

/// Records in presentation format, one blank between fields.
func recordLines(_ list: UnsafeMutablePointer<ldns_rr_list>?) -> [String] {
  (0..<ldns_rr_list_rr_count(list)).map { index in
    guard let text = ldns_rr2str(ldns_rr_list_rr(list, index)) else { return "" }
    defer { free(text) }
    return String(cString: text).split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }
}

func lease(
  _ address: String, _ hostName: String?, network: String = "home", device: String? = nil, since: UnixTime = 0,
  state: Lease.State = .active
) -> Lease {
  Lease(
    address: v4(address), hardware: MACAddress(value: UInt64(v4(address).value)), clientIdentifier: nil,
    hostName: hostName, network: network, device: device, state: state, since: since, renewed: since,
    expires: since + 3600)
}

/// A household with a home and a guest network, a NAS, a person and what `change` makes of it.
func household(_ change: (inout HouseholdModel) -> Void = { _ in }) -> HouseholdModel {
  var model = HouseholdModel(
    domain: name("home.arpa"),
    networks: [
      Network(
        name: "home", interfaces: ["lan0"],
        addresses: [InterfaceAddress("192.168.77.1/24")!, InterfaceAddress("fd00:77::1/64")!]),
      Network(name: "guest", interfaces: ["lan1"], addresses: [InterfaceAddress("192.168.78.1/24")!], isolated: true),
    ],
    devices: [
      Device(name: "nas", addresses: [address("192.168.77.10"), address("fd00:77::10")]), Device(name: "tv"),
    ],
    people: [Person(name: "alice")])
  change(&model)
  return model
}

func snapshot(
  _ model: HouseholdModel = household(), _ leases: [Lease] = [], keeping: LeaseNames = .none, services: [String] = []
) throws -> ZoneSnapshot {
  try HouseholdZone(model, services: services).snapshot(leases: leases, keeping: keeping, serial: 7, key: testKey)
}
