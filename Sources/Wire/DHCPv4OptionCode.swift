/// Codes of DHCP options (RFC 2132 and those that its comments name).
public struct DHCPv4OptionCode: RawRepresentable, Sendable, Hashable {
  public let rawValue: UInt8
  public init(rawValue: UInt8) { self.rawValue = rawValue }
  public init(_ rawValue: UInt8) { self.rawValue = rawValue }

  /// 0: one byte that fills.
  public static let pad = Self(0)
  public static let subnetMask = Self(1)
  public static let routers = Self(3)
  public static let domainNameServers = Self(6)
  public static let hostName = Self(12)
  public static let domainName = Self(15)
  public static let interfaceMTU = Self(26)
  public static let broadcastAddress = Self(28)
  public static let ntpServers = Self(42)
  public static let requestedAddress = Self(50)
  public static let leaseTime = Self(51)
  public static let overload = Self(52)
  public static let messageType = Self(53)
  public static let serverIdentifier = Self(54)
  public static let parameterRequestList = Self(55)
  public static let message = Self(56)
  public static let maximumMessageSize = Self(57)
  /// T1.
  public static let renewalTime = Self(58)
  /// T2.
  public static let rebindingTime = Self(59)
  public static let vendorClass = Self(60)
  public static let clientIdentifier = Self(61)
  /// RFC 3004.
  public static let userClass = Self(77)
  /// RFC 4702.
  public static let clientFQDN = Self(81)
  /// RFC 3046.
  public static let relayAgentInformation = Self(82)
  /// RFC 3397.
  public static let domainSearch = Self(119)
  /// RFC 3442.
  public static let classlessRoutes = Self(121)
  /// 255: ends an options area.
  public static let end = Self(255)
}
