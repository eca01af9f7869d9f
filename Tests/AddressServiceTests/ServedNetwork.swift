import Glibc
import HostSystem
import Household
import TestSupport
import Testing
import Wire

@testable import AddressService

/// A router's and a client's network namespace, joined by a cable, with the server as a process of its own.
final class ServedNetwork {
  let folder: TemporaryFolder
  let router: NetworkNamespace
  let client: NetworkNamespace
  private var process: ChildProcess?
  private static let pool = "192.168.77.100-192.168.77.199"

  /// - Parameter stateSize: e.g. `64k`: puts the server's state on a file system of that size.
  init(probes: Int = 2, stateSize: String? = nil) throws {
    folder = try TemporaryFolder()
    router = try NetworkNamespace()
    client = try NetworkNamespace()
    try router.shell(
      """
      ip link add lan0 type veth peer name eth0 && ip link set eth0 netns \(client.path) &&
      ip address add 192.168.77.1/24 dev lan0 && ip link set lan0 up
      """)
    try client.shell("ip link set eth0 address 02:00:00:00:00:01 && ip link set eth0 up")
    try start(probes: probes, stateSize: stateSize)
  }

  deinit { kill() }

  /// Starts the server and waits until it serves.
  func start(probes: Int = 2, stateSize: String? = nil) throws {
    var ends: [Int32] = [0, 0]
    try systemCall("making a pipe") { pipe(&ends) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let reading = Descriptor(owning: ends[0])
    let writing = Descriptor(owning: ends[1])
    let errors = try Descriptor(opening: folder.path + "/server.log", O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
    var arguments = [Self.executable, folder.path, "3600", String(probes), "lan0=192.168.77.1/24=\(Self.pool)"]
    if let stateSize {
      let mount = "mkdir -p \(folder.path)/state && mount -t tmpfs -o size=\(stateSize) none \(folder.path)/state"
      arguments = ["unshare", "-m", "sh", "-c", "\(mount) && exec \"$@\"", "sh"] + arguments
    }
    process = try router.run {
      try ChildProcess(arguments, descriptors: [nil, writing.number, errors.number])
    }
    var byte: UInt8 = 0
    #expect(read(reading.number, &byte, 1) == 1, "the server did not start: \(log)")
  }

  var log: String { (try? File.read(folder.path + "/server.log")).map { String(decoding: $0, as: UTF8.self) } ?? "" }

  /// kill -9.
  func kill() {
    process?.send(SIGKILL)
    _ = try? process?.wait()
    process = nil
  }

  var leases: [String: Lease] { (try? FactReader.readOnce(FactKinds.leases, in: folder.folders)) ?? [:] }

  /// The state folder as the server sees it, also where it is a file system of its own.
  var stateFolder: String { "/proc/\(process?.identifier ?? 0)/root\(folder.path)/state" }

  /// What the server's files hold, read while it runs.
  func storedLeases() throws -> [String: Lease] {
    try FactReader.readOnce(FactKinds.leases, in: Folders(state: stateFolder, run: folder.path + "/run"))
  }

  /// `swift test` runs a bundle that lies beside the executables.
  private static var executable: String {
    let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
    return File.folderName(of: bundle) + "/address-server"
  }
}

/// Takes leases through a relay agent's address, many at once, and remembers what it was promised.
final class HurriedClient {
  private(set) var acknowledged: [IPv4Address: MACAddress] = [:]
  private let socketNumber: Int32

  init() throws {
    socketNumber = try systemCall("making a socket") { socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(67).bigEndian
    let number = socketNumber
    _ = try Self.with(&address) { pointer, size in try systemCall("binding port 67") { bind(number, pointer, size) } }
  }

  deinit { close(socketNumber) }

  func forget() { acknowledged = [:] }

  /// Sends a DISCOVER for each of `count` clients.
  func begin(_ count: Int, firstHardware: UInt64) {
    for index in 0..<count { send(.discover, hardware: MACAddress(value: firstHardware + UInt64(index))) }
  }

  /// Answers offers for a while, at most until it has `limit` acknowledgements.
  func run(microseconds: Int64, untilAcknowledged limit: Int = .max) throws {
    let end = Clock.now.nanoseconds + microseconds * 1_000
    var buffer = [UInt8](repeating: 0, count: 2_048)
    repeat {
      let count = recv(socketNumber, &buffer, buffer.count, Int32(MSG_DONTWAIT))
      guard count > 0 else {
        usleep(20)
        continue
      }
      let view = try DHCPv4View(buffer.span.bytes.extracting(0..<count))
      switch view.messageType {
      case .offer: send(.request, hardware: view.header.hardware, requested: view.header.yourAddress)
      case .acknowledge: acknowledged[view.header.yourAddress] = view.header.hardware
      default: break
      }
    } while Clock.now.nanoseconds < end && acknowledged.count < limit
  }

  private func send(_ type: DHCPv4MessageType, hardware: MACAddress, requested: IPv4Address? = nil) {
    var builder = DHCPv4Builder(
      DHCPv4Header(
        operation: .request, transaction: UInt32(truncatingIfNeeded: hardware.value),
        relay: IPv4Address(192, 168, 77, 2), hardware: hardware),
      type: type)
    if let requested {
      builder.add(.requestedAddress, requested)
      builder.add(.serverIdentifier, IPv4Address(192, 168, 77, 1))
    }
    let message = builder.message()
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(67).bigEndian
    address.sin_addr.s_addr = IPv4Address(192, 168, 77, 1).value.bigEndian
    Self.with(&address) { pointer, size in _ = sendto(socketNumber, message, message.count, 0, pointer, size) }
  }

  private static func with<Value>(
    _ address: inout sockaddr_in, _ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Value
  ) rethrows -> Value {
    try withUnsafePointer(to: &address) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        try body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }
}
