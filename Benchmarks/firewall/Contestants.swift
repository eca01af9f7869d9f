import Firewall
import Household
import TestSupport
import Wire

/// Lares, as its network daemon uses it.
final class Ours: Contestant {
  private let namespace: NetworkNamespace
  private let manager: FirewallManager
  private let model: HouseholdModel
  private var isThere = false

  init(_ model: HouseholdModel) throws {
    self.model = model
    let namespace = try NetworkNamespace()
    self.namespace = namespace
    manager = try namespace.run { try FirewallManager() }
    try perform("from-scratch")
  }

  var ruleCount: Int {
    FirewallPolicy(model: model, dynamic: FirewallDynamics()).ruleset.tables.flatMap(\.chains).reduce(0) {
      $0 + $1.rules.count
    }
  }

  /// The rules in the language of nft(8).
  var text: String { get throws { try namespace.shell("nft -s list ruleset") } }

  /// The rules as both must show them: the order of a set's elements is the kernel's.
  var listing: String { get throws { try namespace.shell("nft -s -t list ruleset") } }

  func prepare(_ what: String) throws {
    if what == "from-scratch" { try manager.teardown() }
  }

  func perform(_ what: String) throws {
    if what == "from-scratch" {
      try manager.apply(model: model, dynamic: FirewallDynamics())
      return
    }
    let report = try manager.changeList(
      "bad", adding: isThere ? [] : [Home.changing], removing: isThere ? [Home.changing] : [])
    precondition(report.changed)
    isThere.toggle()
  }
}

/// The household that is measured.
enum Home {
  static let ruleCount = 500
  static let listCount = 100_000
  /// Not in the list.
  static let changing = IPAddress("198.18.0.99")!

  /// As many allow rules as make 500 rules, and a blocked list of 100,000 addresses.
  static var large: HouseholdModel {
    var model = HouseholdModel(
      domain: DomainName("home.arpa")!, uplinks: [UplinkSettings(name: "wan", interface: "wan0")],
      networks: (0..<4).map { index in
        Network(
          name: "net\(index)", interfaces: ["lan\(index)"], addresses: [InterfaceAddress("192.168.\(70 + index).1/24")!]
        )
      },
      devices: [
        Device(name: "nas", hardware: [MACAddress("02:00:00:00:00:10")!], addresses: [IPAddress("192.168.70.10")!])
      ],
      forwards: [PortForward(name: "web", transport: .tcp, ports: 8080...8080, device: "nas", devicePort: 80)],
      addressLists: [AddressList(name: "bad", members: list)], firewall: FirewallSettings(blocked: ["bad"]))
    let base = FirewallPolicy(model: model, dynamic: FirewallDynamics()).ruleset.tables.flatMap(\.chains)
    let missing = ruleCount - base.reduce(0) { $0 + $1.rules.count }
    model.allows = (0..<missing).map { index in
      let port = UInt16(1000 + index)
      return AllowRule(
        name: "a\(index)", from: .network("net\(index % 3)"), to: .network("net3"), transport: .tcp,
        ports: [port...port])
    }
    return model
  }

  /// Spread over the address space by a multiplicative generator, the same in every run.
  private static var list: [IPPrefix] {
    var value: UInt32 = 12_345
    var members: Set<UInt32> = []
    while members.count < listCount {
      value = value &* 1_664_525 &+ 1_013_904_223
      if value >> 24 > 0, value >> 24 < 198 { members.insert(value) }
    }
    return members.map { IPPrefix(.v4(IPv4Address(value: $0)), length: 32)! }
  }
}
