import CNetlinkShims
import Glibc
public import Wire

/// Who made a route or an address, as the kernel keeps it (rtm_protocol, IFA_PROTO).
public struct Origin: RawRepresentable, Hashable, Sendable {
  public var rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Unknown (RTPROT_UNSPEC).
  public static let unspecified = Origin(rawValue: 0)
  /// The kernel itself (RTPROT_KERNEL).
  public static let kernel = Origin(rawValue: 2)
  /// By hand, at start (RTPROT_BOOT): what ip(8) writes when nobody says otherwise.
  public static let boot = Origin(rawValue: 3)
  /// The administrator (RTPROT_STATIC).
  public static let fixed = Origin(rawValue: 4)
  /// Lares. What bears it is ours to change and to remove; nothing in iproute2's rt_protos has this number.
  public static let lares = Origin(rawValue: 76)
}

/// For how long an address lasts.
public struct AddressLifetime: Hashable, Sendable {
  /// Seconds until the address goes away; `.max`: never.
  public var valid: UInt32
  /// Seconds until new connections no longer start from it; at most `valid`.
  public var preferred: UInt32

  public init(valid: UInt32, preferred: UInt32) {
    self.valid = valid
    self.preferred = preferred
  }

  /// Without end.
  public static let forever = AddressLifetime(valid: .max, preferred: .max)
}

/// One address on one interface (RTM_NEWADDR).
public struct LinkAddress: Sendable, Equatable {
  /// Index of the interface.
  public var link: Int32
  public var address: InterfaceAddress
  /// rtnetlink(7): 0 the whole world, 253 this link, 254 this host.
  public var scope: UInt8
  public var flags: AddressFlags
  public var origin: Origin
  public var lifetime: AddressLifetime

  public init(
    link: Int32, address: InterfaceAddress, scope: UInt8 = 0, flags: AddressFlags = [], origin: Origin = .lares,
    lifetime: AddressLifetime = .forever
  ) {
    self.link = link
    self.address = address
    self.scope = scope
    self.flags = flags
    self.origin = origin
    self.lifetime = lifetime
  }
}

/// The flags of an address (IFA_FLAGS).
public struct AddressFlags: OptionSet, Hashable, Sendable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// IFA_F_SECONDARY of IPv4; the same bit is IFA_F_TEMPORARY in IPv6 (RFC 8981).
  public static let secondary = AddressFlags(rawValue: 0x01)
  /// IFA_F_NODAD: used at once, without duplicate address detection.
  public static let noDuplicateDetection = AddressFlags(rawValue: 0x02)
  /// IFA_F_DADFAILED: somebody else has it.
  public static let duplicate = AddressFlags(rawValue: 0x08)
  /// IFA_F_DEPRECATED.
  public static let deprecated = AddressFlags(rawValue: 0x20)
  /// IFA_F_TENTATIVE: duplicate address detection has not ended.
  public static let tentative = AddressFlags(rawValue: 0x40)
  /// IFA_F_PERMANENT: without end.
  public static let permanent = AddressFlags(rawValue: 0x80)
  /// IFA_F_NOPREFIXROUTE: the kernel makes no route to the prefix.
  public static let noPrefixRoute = AddressFlags(rawValue: 0x200)
}

extension LinkAddress {
  /// Reads an RTM_NEWADDR or RTM_DELADDR of either family; nil for any other message or a malformed one.
  public init?(_ message: borrowing Message) {
    guard message.type == UInt16(RTM_NEWADDR) || message.type == UInt16(RTM_DELADDR),
      message.payload.byteCount >= 8, let length: UInt8 = message.payload.number(at: 1),
      let flags: UInt8 = message.payload.number(at: 2), let scope: UInt8 = message.payload.number(at: 3),
      let link: Int32 = message.payload.number(at: 4)
    else { return nil }
    var local: IPAddress?
    var remote: IPAddress?
    var wideFlags: UInt32?
    var origin = Origin.unspecified
    var lifetime = AddressLifetime.forever
    var attributes = message.attributes(after: 8)
    while let attribute = attributes.next() {
      switch attribute.type {
      case Int(IFA_LOCAL): local = attribute.address
      case Int(IFA_ADDRESS): remote = attribute.address
      case Int(IFA_FLAGS): wideFlags = attribute.number()
      case Int(IFA_PROTO): origin = Origin(rawValue: attribute.number() ?? 0)
      case Int(IFA_CACHEINFO):
        guard let preferred: UInt32 = attribute.payload.number(at: 0),
          let valid: UInt32 = attribute.payload.number(at: 4)
        else { continue }
        lifetime = AddressLifetime(valid: valid, preferred: preferred)
      default: break
      }
    }
    // On a point-to-point link IFA_ADDRESS is the other end; IPv6 has no IFA_LOCAL otherwise.
    guard let own = local ?? remote, message.payload.number(at: 0, as: UInt8.self) == own.family.kernel,
      let address = InterfaceAddress(own, length: Int(length))
    else { return nil }
    self.init(
      link: link, address: address, scope: scope, flags: AddressFlags(rawValue: wideFlags ?? UInt32(flags)),
      origin: origin, lifetime: lifetime)
  }
}

extension NetlinkRequest {
  /// Adds an address; fails with EEXIST where the interface has it already.
  public static func add(
    _ address: InterfaceAddress, to link: LinkID, flags: AddressFlags = [], origin: Origin = .lares,
    lifetime: AddressLifetime = .forever
  ) -> NetlinkRequest {
    let value = LinkAddress(link: link.index, address: address, flags: flags, origin: origin, lifetime: lifetime)
    return put(value, link, NLM_F_CREATE | NLM_F_EXCL, "adding address \(address) to \(link)")
  }

  /// Adds an address, or sets flags and lifetime of the one that is there.
  public static func replace(
    _ address: InterfaceAddress, on link: LinkID, flags: AddressFlags = [], origin: Origin = .lares,
    lifetime: AddressLifetime = .forever
  ) -> NetlinkRequest {
    let value = LinkAddress(link: link.index, address: address, flags: flags, origin: origin, lifetime: lifetime)
    return put(value, link, NLM_F_CREATE | NLM_F_REPLACE, "setting address \(address) on \(link)")
  }

  /// Removes an address; fails with EADDRNOTAVAIL where the interface does not have it.
  public static func delete(_ address: InterfaceAddress, from link: LinkID) -> NetlinkRequest {
    NetlinkRequest(type: RTM_DELADDR, attempt: "removing address \(address) from \(link)") { message in
      message.addressHeader(address, link)
      message.put(Int(IFA_LOCAL), address.address)
    }
  }

  private static func put(
    _ value: LinkAddress, _ link: LinkID, _ mode: Int32, _ attempt: String
  ) -> NetlinkRequest {
    NetlinkRequest(type: RTM_NEWADDR, flags: mode, attempt: attempt) { message in
      let address = value.address
      message.addressHeader(address, link)
      message.put(Int(IFA_LOCAL), address.address)
      message.put(Int(IFA_ADDRESS), address.address)
      if case .v4(let last) = address.prefix.lastAddress, address.length < 31 {
        message.put(Int(IFA_BROADCAST), .v4(last))
      }
      message.put(Int(IFA_FLAGS), value.flags.rawValue)
      message.put(Int(IFA_PROTO), value.origin.rawValue)
      guard value.lifetime != .forever else { return }
      // struct ifa_cacheinfo: preferred, valid, and two times that only the kernel fills in.
      message.put(
        Int(IFA_CACHEINFO),
        [value.lifetime.preferred, value.lifetime.valid, 0, 0].flatMap { number in
          withUnsafeBytes(of: number) { Array($0) }
        })
    }
  }

  /// All addresses of both families, or those of one interface.
  static func addresses(of link: Int32?) -> NetlinkRequest {
    NetlinkRequest(type: RTM_GETADDR, flags: NLM_F_DUMP, attempt: "listing the addresses") { message in
      message.field(UInt32(0))
      message.field(link ?? 0)
    }
  }
}

extension MessageWriter {
  /// struct ifaddrmsg.
  fileprivate mutating func addressHeader(_ address: InterfaceAddress, _ link: LinkID) {
    field(address.address.family.kernel)
    field(UInt8(address.length))
    field(UInt8(0))
    field(UInt8(address.address.isLinkLocalIPv6 ? RT_SCOPE_LINK.rawValue : RT_SCOPE_UNIVERSE.rawValue))
    field(link.index)
  }
}

extension IPFamily {
  /// AF_INET or AF_INET6.
  var kernel: UInt8 { UInt8(self == .v4 ? AF_INET : AF_INET6) }
}

extension IPAddress {
  var isLinkLocalIPv6: Bool { v6?.isLinkLocal == true }
}
