public import Wire

extension IPv4Address {
  /// True for addresses that mean something only inside a house, a provider or a machine, so that no name on the Internet has reason to carry
  /// them. The documentation prefixes of RFC 5737 count as public.
  ///
  /// `0.0.0.0/8`, `10.0.0.0/8`, `100.64.0.0/10`, `127.0.0.0/8`, `169.254.0.0/16`, `172.16.0.0/12`, `192.168.0.0/16`, multicast, and
  /// `240.0.0.0/4` with broadcast (RFC 1122, 1918, 3927, 5771, 6598).
  public var isLocalScope: Bool {
    switch value >> 24 {
    case 0, 10, 127, 224...255: true
    case 100: value >> 22 == 0x191
    case 169: value >> 16 == 0xa9fe
    case 172: value >> 20 == 0xac1
    case 192: value >> 16 == 0xc0a8
    default: false
    }
  }
}

extension IPv6Address {
  /// The same for IPv6: unspecified, loopback, link-local, the former site-local `fec0::/10`, unique-local (RFC 4193), multicast, and every
  /// address that carries an IPv4 address of that kind: mapped, compatible, translated (`::ffff:0:0:0/96`), NAT64 (`64:ff9b::/96`, and all of
  /// `64:ff9b:1::/48`, RFC 8215, which is local by itself), 6to4 (`2002::/16`).
  public var isLocalScope: Bool {
    if isLinkLocal || high >> 54 == 0x3fb || isUniqueLocal || isMulticast { return true }
    if high >> 16 == 0x0064_ff9b_0001 { return true }
    if high >> 48 == 0x2002 { return IPv4Address(value: UInt32(truncatingIfNeeded: high >> 16)).isLocalScope }
    let embedded = IPv4Address(value: UInt32(truncatingIfNeeded: low))
    if high == 0x0064_ff9b_0000_0000, low >> 32 == 0 { return embedded.isLocalScope }
    guard high == 0 else { return false }
    switch low >> 32 {
    case 0, 0xffff, 0xffff_0000: return embedded.isLocalScope
    default: return false
    }
  }
}

extension IPAddress {
  /// True for addresses that no name on the Internet has reason to carry.
  public var isLocalScope: Bool {
    switch self {
    case .v4(let address): address.isLocalScope
    case .v6(let address): address.isLocalScope
    }
  }
}
