import CNameService
import Glibc
import HostSystem

/// The wildcard sockets of all cores, bound and ready.
struct NameSockets {
  /// By core.
  var datagrams: [[Int32]] = []
  var streams: [[Int32]] = []
  /// The port they share.
  var port: UInt16

  /// Connections that wait to be accepted, per core.
  private static let backlog: Int32 = 64

  /// Binds the sockets of `cores` cores to `port`; 0: any port that is free. A family that the kernel does not have is left out.
  init(cores: Int, port: UInt16) throws(SystemError) {
    self.port = port
    do throws(SystemError) {
      for _ in 0..<cores {
        datagrams.append([])
        streams.append([])
        for family: Int32 in [4, 6] { try add(family: family) }
      }
    } catch {
      close()
      throw error
    }
  }

  /// Closes what no core has taken over.
  func close() { for descriptor in (datagrams + streams).joined() { Glibc.close(descriptor) } }

  private mutating func add(family: Int32) throws(SystemError) {
    guard let datagram = try open("UDP", family, { lares_udp_listen(family, port) }) else { return }
    datagrams[datagrams.count - 1].append(datagram)
    if port == 0 { port = lares_local_port(datagram) }
    guard let stream = try open("TCP", family, { lares_tcp_listen(family, port, Self.backlog) }) else { return }
    streams[streams.count - 1].append(stream)
  }

  private func open(_ transport: String, _ family: Int32, _ body: () -> Int32) throws(SystemError) -> Int32? {
    let descriptor = body()
    if descriptor >= 0 { return descriptor }
    if errno == EAFNOSUPPORT || family == 6 && errno == EADDRNOTAVAIL { return nil }
    throw SystemError("listening on \(transport) port \(port)")
  }
}
