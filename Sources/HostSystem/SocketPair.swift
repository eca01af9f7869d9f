import Glibc

/// Both ends of a connection within this machine, non-blocking (socketpair(2)).
public struct SocketPair: ~Copyable {
  public let ours: Descriptor
  public let theirs: Descriptor

  public init() throws(SystemError) {
    var ends: [Int32] = [0, 0]
    try systemCall("making a pair of sockets") {
      socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0, &ends)
    }
    ours = Descriptor(owning: ends[0])
    theirs = Descriptor(owning: ends[1])
  }

  /// Closes the other end.
  public consuming func keepingOurs() -> Descriptor { ours }
}
