import Glibc
import HostSystem
import TestSupport

/// Counts system calls and netlink bytes of one run, with strace(1) around this program.
enum Traced {
  /// What strace sees before and after the work: writing to no descriptor.
  private static func mark() { _ = write(-1, "mark", 4) }

  static func runOnce(_ contestant: any Contestant, _ what: String) throws {
    try contestant.prepare(what)
    mark()
    try contestant.perform(what)
    mark()
  }

  /// `ours from-scratch: 12 system calls, 1,234 bytes of netlink sent, 567 received`.
  static func describe(_ contestant: String, _ what: String) -> String {
    guard let program, let folder = try? TemporaryFolder(),
      let result = try? runCommand(
        ["strace", "-f", "-qq", "-s", "0", "-o", "\(folder.path)/calls", program, "once", contestant, what]),
      result.isSuccess, let bytes = try? File.read("\(folder.path)/calls")
    else { return "\(contestant) \(what): strace is not there or may not trace, so calls and bytes are not counted" }
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    let marks = lines.indices.filter { lines[$0].contains("write(-1") }
    guard marks.count == 2 else { return "\(contestant) \(what): not traced" }
    let inside = lines[marks[0] + 1..<marks[1]]
    let sent = inside.filter { $0.contains("sendto(") || $0.contains("sendmsg(") }.map(returned)
    let received = inside.filter { $0.contains("recvfrom(") || $0.contains("recvmsg(") }.map(returned)
    return
      "\(contestant) \(what): \(inside.count) system calls, netlink \(sent.count) sent with \(sent.reduce(0, +)) bytes, "
      + "\(received.count) received with \(received.reduce(0, +)) bytes"
  }

  /// What stands behind the last ` = `.
  private static func returned(_ line: Substring) -> Int {
    let parts = line.split(separator: " ")
    guard let sign = parts.lastIndex(of: "="), sign + 1 < parts.count else { return 0 }
    return max(0, Int(parts[sign + 1]) ?? 0)
  }

  /// The file of this program.
  static var program: String? {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    return count < 0 ? nil : String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
