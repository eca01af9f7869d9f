import Household
import Wire

// People, devices, and who may reach whom.
extension HouseholdSchema {
  static let people = Section.collection(
    "person", \.people,
    TableSchema<Person>(fields: [
      Field(
        "full-name", \.fullName, ValueType<String>.plainText.optional(), blank: Person(name: "NAME"),
        example: "\"Alice Example\"", "The name for people.")
    ]),
    blank: { Person(name: $0) }, name: \.name,
    "A person of the household. Devices may belong to one.")

  private static let blankDevice = Device(name: "NAME")

  static let devices = Section.collection(
    "device", \.devices,
    TableSchema<Device>(fields: [
      Field(
        "hardware", \.hardware, ValueType<MACAddress>.hardware.oneOrMore("them"), blank: blankDevice,
        example: "[\"02:00:00:00:00:10\"]", "The hardware addresses by which the device is recognised."),
      Field(
        "client-id", \.clientIdentifiers, ValueType<[UInt8]>.clientIdentifier.oneOrMore("them"), blank: blankDevice,
        example: "\"01:02:00:00:00:00:10\"", "DHCP client identifiers (option 61) by which it is recognised."),
      Field(
        "address", \.addresses, ValueType<IPAddress>.address.oneOrMore("them"), blank: blankDevice,
        example: "\"192.168.77.10\"", "Its own addresses, at most one in each network and family."),
      Field(
        "person", \.person, ValueType<String>.hostLabel.naming("person").optional(), blank: blankDevice,
        example: "\"alice\"",
        "The person to whom it belongs."),
      Field(
        "blocking", \.blocking, ValueType<Bool>.toggle.optional(),
        words: SchemaField.Words(on: "filtered by blocklists", off: "not filtered by blocklists"),
        blank: blankDevice, example: "false", "Whether the blocklists hold for it; without it as its network says."),
    ]),
    blank: { Device(name: $0) }, name: \.name,
    "A device that somebody has named. The name is its name in the zone.")

  // MARK: Forwards

  enum ForwardProtocol: String, CaseIterable, Sendable {
    case tcp, udp, both = "tcp+udp"

    var transport: TransportProtocol {
      switch self {
      case .tcp: .tcp
      case .udp: .udp
      case .both: .tcpAndUDP
      }
    }
  }

  /// A forward as the file says it.
  struct ForwardDraft: Sendable {
    var name: String
    var sources: [AddressSource] = []
    var transport = ForwardProtocol.tcp
    var ports: ClosedRange<UInt16> = 1...1
    var target = ForwardTarget(device: "", port: nil)
  }

  private static let blankForward = ForwardDraft(name: "NAME")

  static let forwards = Section.collection(
    "forward", \.forwards,
    TableSchema<ForwardDraft>(fields: [
      Field(
        "from", \.sources, .sources, blank: blankForward, example: "\"internet\"",
        "Who may use it: everybody, some prefixes, or the members of an address list."),
      Field(
        "protocol", \.transport, .choice(), required: true, blank: blankForward, example: "\"tcp\"", "The protocol."),
      Field(
        "port", \.ports, .ports, required: true, blank: blankForward, example: "8080",
        "The port on the router's outside address, or a range of them."),
      Field(
        "to", \.target, .target.naming("device"), required: true, blank: blankForward, example: "\"nas:80\"",
        "The device, and its port where that differs; for a range its first port."),
    ]),
    blank: { ForwardDraft(name: $0) }, build: forward, draft: draft, name: \.name,
    "A port of the router that leads to a device. It works from outside and from inside.")

  @Sendable private static func forward(_ draft: ForwardDraft) -> PortForward {
    PortForward(
      name: draft.name, sources: draft.sources, transport: draft.transport.transport, ports: draft.ports,
      device: draft.target.device, devicePort: draft.target.port ?? draft.ports.lowerBound)
  }

  @Sendable private static func draft(_ forward: PortForward) -> ForwardDraft {
    ForwardDraft(
      name: forward.name, sources: forward.sources,
      transport: ForwardProtocol(rawValue: forward.transport.rawValue) ?? .both, ports: forward.ports,
      target: ForwardTarget(
        device: forward.device, port: forward.devicePort == forward.ports.lowerBound ? nil : forward.devicePort))
  }

  // MARK: Allows

  /// An allow as the file says it: names, before they are looked up.
  struct AllowDraft: Sendable {
    var name: String
    var from = ""
    var to = ""
    var transport = TransportProtocol.any
    var ports: [ClosedRange<UInt16>] = []
  }

  private static let blankAllow = AllowDraft(name: "NAME")

  static let allows = Section.collection(
    "allow", \.allows,
    TableSchema<AllowDraft>(fields: [
      Field(
        "from", \.from, .hostLabel.naming("network", "device"), required: true, blank: blankAllow, example: "\"guest\"",
        "The network or device that may."),
      Field(
        "to", \.to, .hostLabel.naming("network", "device"), required: true, blank: blankAllow, example: "\"nas\"",
        "The network or device that it may reach, or \"router\"."),
      Field("protocol", \.transport, .choice(), blank: blankAllow, example: "\"tcp\"", "The protocol."),
      Field(
        "port", \.ports, ValueType<ClosedRange<UInt16>>.ports.oneOrMore("them"), blank: blankAllow, example: "631",
        "The port, a range, or several of them; without it all."),
    ]),
    blank: { AllowDraft(name: $0) },
    build: { draft in
      // Which of the names are devices is known only when all tables are read.
      AllowRule(
        name: draft.name, from: .network(draft.from), to: draft.to == "router" ? .router : .network(draft.to),
        transport: draft.transport, ports: draft.ports)
    },
    draft: { rule in
      AllowDraft(
        name: rule.name, from: word(rule.from), to: word(rule.to), transport: rule.transport, ports: rule.ports)
    },
    name: \.name,
    "Permission for a network or device to reach another.")

  private static func word(_ endpoint: AllowRule.Endpoint) -> String {
    switch endpoint {
    case .network(let name), .device(let name): name
    case .router: "router"
    }
  }

  /// Turns the endpoints of allows that name devices into what they are.
  static func resolveEndpoints(in model: inout HouseholdModel, devices: Set<String>) {
    for index in model.allows.indices {
      if case .network(let name) = model.allows[index].from, devices.contains(name) {
        model.allows[index].from = .device(name)
      }
      if case .network(let name) = model.allows[index].to, devices.contains(name) {
        model.allows[index].to = .device(name)
      }
    }
  }

  static let addressLists = Section.collection(
    "addresses", \.addressLists,
    TableSchema<AddressList>(fields: [
      Field(
        "members", \.members, ValueType<IPPrefix>.prefix.list("prefixes"), required: true,
        blank: AddressList(name: "NAME", members: []), example: "[\"198.51.100.0/24\", \"203.0.113.7\"]",
        "Addresses and prefixes of both families.")
    ]),
    blank: { AddressList(name: $0, members: []) }, name: \.name,
    "A named list of addresses, for forwards (\"@NAME\") and for what is blocked.")
}
