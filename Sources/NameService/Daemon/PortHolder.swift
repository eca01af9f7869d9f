import Glibc
import HostSystem

/// Who has a port: for the error that a person reads.
enum PortHolder {
  /// `dnsmasq (process 812)`; nil where the kernel does not tell, as without the right to look at other users' processes.
  static func find(port: UInt16) -> String? {
    let sockets = Set(["udp", "udp6", "tcp", "tcp6"].flatMap { inodes(in: "/proc/net/\($0)", port: port) })
    guard !sockets.isEmpty else { return nil }
    for process in File.list("/proc") where process.utf8.allSatisfy({ $0 &- 48 < 10 }) {
      for descriptor in File.list("/proc/\(process)/fd") {
        guard let link = readLink("/proc/\(process)/fd/\(descriptor)"), sockets.contains(link) else { continue }
        return "\(name(of: process)) (process \(process))"
      }
    }
    return nil
  }

  /// Sockets, as `socket:[INODE]`, that are bound to a port; only listening ones of TCP.
  private static func inodes(in table: String, port: UInt16) -> [String] {
    guard let bytes = try? File.read(table) else { return [] }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst().compactMap { line in
      let fields = line.split(separator: " ", omittingEmptySubsequences: true)
      guard fields.count > 9, let digits = fields[1].split(separator: ":").last, UInt16(digits, radix: 16) == port,
        fields[3] == "07" || fields[3] == "0A"
      else { return nil }
      return "socket:[\(fields[9])]"
    }
  }

  private static func readLink(_ path: String) -> String? {
    var room = [CChar](repeating: 0, count: 256)
    let count = readlink(path, &room, room.count)
    return count > 0 ? String(decoding: room.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
  }

  private static func name(of process: String) -> String {
    guard let bytes = try? File.read("/proc/\(process)/comm") else { return "another program" }
    return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
  }
}
