import Household
import Wire

// The household itself, its uplinks and its networks.
extension HouseholdSchema {
  static let household = Section.table(
    "household", \.self,
    TableSchema(fields: [
      Field(
        "domain", \.domain, .domain, blank: blank, example: "\"home.arpa\"",
        "The household's own zone. Devices are names in it: nas.home.arpa."),
      Field(
        "router", \.routerName, .hostLabel, blank: blank, example: "\"router\"",
        "The router's own name in the zone."),
    ]),
    "The household as a whole.")

  // MARK: Uplinks

  enum UplinkMethod: String, CaseIterable, Sendable { case dhcp, fixed = "static" }

  /// An uplink as the file says it.
  struct UplinkDraft: Sendable {
    var name: String
    var interface = ""
    var method = UplinkMethod.dhcp
    var addresses: [InterfaceAddress] = []
    var gateways: [IPAddress] = []
    var nameServers: [IPAddress] = []
    var vlan: Int?
    var hardware: MACAddress?
    var mtu: Int?
    var dhcp: DHCPClientSettings?
  }

  private static let blankUplink = UplinkDraft(name: "NAME")

  static let uplinks = Section.collection(
    "uplink", \.uplinks,
    TableSchema<UplinkDraft>(fields: [
      Field(
        "interface", \.interface, .interfaceName, required: true, blank: blankUplink, example: "\"wan0\"",
        "The port towards the provider."),
      Field(
        "method", \.method, .choice(later: ["pppoe"]), blank: blankUplink, example: "\"static\"",
        "How the uplink gets its address: from the provider's DHCP server, or from address and gateway below."),
      Field(
        "address", \.addresses, ValueType<InterfaceAddress>.interfaceAddress.oneOrMore("them"), blank: blankUplink,
        example: "\"203.0.113.9/24\"",
        "The static address, with the length of its network. Both families may stand in an array."
      ),
      Field(
        "gateway", \.gateways, ValueType<IPAddress>.address.oneOrMore("them"), blank: blankUplink,
        example: "\"203.0.113.1\"", "The provider's router, at most one of each family."),
      Field(
        "dns", \.nameServers, ValueType<IPAddress>.address.oneOrMore("them"), blank: blankUplink,
        example: "[\"203.0.113.53\"]", "Servers to use instead of the ones that the provider names."),
      Field(
        "vlan", \.vlan, ValueType<Int>.integer(1...4094).optional(), blank: blankUplink, example: "832",
        "The 802.1Q tag that the provider wants."),
      Field(
        "mac", \.hardware, ValueType<MACAddress>.hardware.optional(), blank: blankUplink,
        example: "\"02:00:00:00:00:01\"", "Hardware address to show instead of the port's own."),
      Field(
        "mtu", \.mtu, ValueType<Int>.integer(576...9000).optional(), blank: blankUplink, example: "1492",
        "Largest packet in bytes; without it as the provider says, else the port's own."),
      Field(
        "dhcp", \.dhcp, clientSchema.type("table", blank: DHCPClientSettings()).optional(), blank: blankUplink,
        example: "{ hostname = \"lares\" }", "What the DHCP client tells the provider."),
    ]),
    blank: { UplinkDraft(name: $0) }, build: settings, draft: draft, name: \.name,
    "A way to the Internet.")

  private static let clientSchema = TableSchema<DHCPClientSettings>(fields: [
    Field(
      "hostname", \.hostName, ValueType<String>.hostLabel.optional(), blank: DHCPClientSettings(),
      example: "\"lares\"", "Host name to send (option 12)."),
    Field(
      "client-id", \.clientIdentifier, ValueType<[UInt8]>.clientIdentifier.optional(), blank: DHCPClientSettings(),
      example: "\"hex:0102\"", "Client identifier (option 61); without it the hardware address."),
    Field(
      "vendor-class", \.vendorClass, ValueType<String>.plainText.optional(), blank: DHCPClientSettings(),
      example: "\"sagem\"", "Vendor class that the provider asks for (option 60)."),
    Field(
      "options", \.options, .options(reserved: [12, 50, 51, 52, 53, 54, 55, 57, 58, 59, 60, 61]),
      blank: DHCPClientSettings(), example: "{ \"77\" = \"hex:2b46\" }", "Further options to send, by code."),
  ])

  @Sendable private static func settings(_ draft: UplinkDraft) -> UplinkSettings {
    UplinkSettings(
      name: draft.name, interface: draft.interface, vlan: draft.vlan,
      method: draft.method == .dhcp
        ? .dhcp(draft.dhcp ?? DHCPClientSettings()) : .fixed(addresses: draft.addresses, gateways: draft.gateways),
      hardware: draft.hardware, mtu: draft.mtu, nameServers: draft.nameServers)
  }

  @Sendable private static func draft(_ settings: UplinkSettings) -> UplinkDraft {
    var draft = UplinkDraft(name: settings.name, interface: settings.interface)
    switch settings.method {
    case .dhcp(let client): draft.dhcp = client == DHCPClientSettings() ? nil : client
    case .fixed(let addresses, let gateways):
      (draft.method, draft.addresses, draft.gateways) = (.fixed, addresses, gateways)
    }
    (draft.vlan, draft.hardware, draft.mtu) = (settings.vlan, settings.hardware, settings.mtu)
    draft.nameServers = settings.nameServers
    return draft
  }

  // MARK: Networks

  private static let blankNetwork = Network(name: "NAME", interfaces: [], addresses: [])

  static let networks = Section.collection(
    "network", \.networks,
    TableSchema<Network>(fields: [
      Field(
        "interfaces", \.interfaces, ValueType<String>.interfaceName.oneOrMore("them"), required: true,
        blank: blankNetwork, example: "[\"lan0\"]", "The ports of the network. Several are bridged."),
      Field(
        "vlan", \.vlan, ValueType<Int>.integer(1...4094).optional(), blank: blankNetwork, example: "20",
        "The network is this 802.1Q tag on each of its ports; without it, the untagged frames."),
      Field(
        "address", \.addresses, ValueType<InterfaceAddress>.interfaceAddress.oneOrMore("them"), required: true,
        blank: blankNetwork, example: "\"192.168.77.1/24\"",
        "The router's own address here, with the length of the network. Several of both families stand in an array."),
      Field(
        "isolated", \.isolated, .toggle, words: SchemaField.Words(on: "isolated", off: "not isolated"),
        blank: blankNetwork, example: "true",
        "Devices reach the Internet and the router's DHCP and DNS, nothing else, not even each other."),
      Field(
        "unknown", \.unknown, .choice(), blank: blankNetwork, example: "\"internet-only\"",
        """
        What a device without a name in this file may do: everything that named ones may, nothing until somebody says \
        more, or the Internet only.
        """),
      Field(
        "blocking", \.blocking, .toggle,
        words: SchemaField.Words(on: "filtered by blocklists", off: "not filtered by blocklists"),
        blank: blankNetwork, example: "false", "Whether the blocklists of [dns] hold here."),
      Field(
        "dhcp", \.dhcp, serverSchema.type("table", blank: blankServer).optional(), blank: blankNetwork,
        example: "{ pool = \"192.168.77.100-192.168.77.199\", lease = \"12h\" }",
        "The DHCP server of the network; without it there is none."),
    ]),
    blank: { Network(name: $0, interfaces: [], addresses: []) }, name: \.name,
    "A home network: one zone of the firewall. Networks reach each other only where an [allow.NAME] says so.")

  private static let blankServer = DHCPSettings(pool: IPv4Address.any...IPv4Address.any)

  private static let serverSchema = TableSchema<DHCPSettings>(fields: [
    Field(
      "pool", \.pool, .pool, required: true, blank: blankServer, example: "\"192.168.77.100-192.168.77.199\"",
      "First and last address for devices without an address of their own in this file."),
    Field(
      "lease", \.leaseSeconds, .duration(120...31_536_000), blank: blankServer, example: "\"12h\"",
      "How long a device keeps its address without renewing it."),
    Field(
      "options", \.options, .options(reserved: [1, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 61, 82]),
      blank: blankServer, example: "{ \"42\" = \"192.168.77.5\" }", "Further options to hand out, by code (RFC 2132)."),
  ])
}
