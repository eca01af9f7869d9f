import CNameService
import Wire

extension PolicyGroups.View {
  /// The group of the sender of a datagram; nil for one in no network of the household.
  @inline(__always)
  func group(of endpoint: UnsafePointer<lares_endpoint>) -> PolicyGroup? { group(of: senderAddress(endpoint)) }
}

/// The sender's address, an IPv4 one mapped into IPv6 (RFC 4291 section 2.5.5.2).
@inline(__always)
func senderAddress(_ endpoint: UnsafePointer<lares_endpoint>) -> IPv6Address {
  // The socket address stands at the start: family and port, then sin_addr at 4 or sin6_addr at 8.
  let bytes = UnsafeRawPointer(endpoint)
  if endpoint.pointee.address_length == 16 {
    return IPv6Address(mapping: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self).bigEndian)
  }
  return IPv6Address(
    high: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self).bigEndian,
    low: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self).bigEndian)
}

/// The address at the other end of a connection, in the same form.
func peerAddress(of descriptor: Int32) -> IPv6Address? {
  withUnsafeTemporaryAllocation(byteCount: 16, alignment: 8) { bytes -> IPv6Address? in
    let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
    switch lares_peer_address(descriptor, start) {
    case 4: return IPv6Address(mapping: bytes.loadUnaligned(as: UInt32.self).bigEndian)
    case 16:
      return IPv6Address(
        high: bytes.loadUnaligned(as: UInt64.self).bigEndian,
        low: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self).bigEndian)
    default: return nil
    }
  }
}

extension IPv6Address {
  /// `::ffff:0:0/96`.
  fileprivate init(mapping value: UInt32) { self.init(high: 0, low: 0xffff_0000_0000 | UInt64(value)) }
}
