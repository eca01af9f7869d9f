import Glibc
import HostSystem
import Household
import TestSupport
import Testing
import Wire

@testable import Control

/// Messages for syslog receivers, against RFC 5424.
@Suite struct SyslogTests {
  private static let time: Int64 = 1_732_287_000_123

  private func message(
    _ text: String, _ level: LogLevel = .info, time: Int64 = SyslogTests.time, fields: [String: String] = [:]
  ) -> String {
    let line = LogLine(time: time, daemon: "names", level: level, message: text, fields: fields)
    return String(decoding: Syslog.message(line, host: "router.home.arpa"), as: UTF8.self)
  }

  @Test(
    arguments: [
      ("hello", LogLevel.info, [:], "<30>1 2024-11-22T14:50:00.123Z router.home.arpa lares-names - - - \u{feff}hello"),
      ("", .debug, [:], "<31>1 2024-11-22T14:50:00.123Z router.home.arpa lares-names - - - \u{feff}"),
      (
        "größer", .notice, ["b": "2", "a": "1"],
        "<29>1 2024-11-22T14:50:00.123Z router.home.arpa lares-names - - [lares@32473 a=\"1\" b=\"2\"] \u{feff}größer"
      ),
      (
        "no \"escape\" ] here", .warning, ["path": "C:\\x \"y\" [z]"],
        "<28>1 2024-11-22T14:50:00.123Z router.home.arpa lares-names - - "
          + "[lares@32473 path=\"C:\\\\x \\\"y\\\" [z\\]\"] \u{feff}no \"escape\" ] here"
      ),
      (
        "two\nlines\u{7f}", .error, ["a b=\"]é": "\0\t", "": "empty"],
        "<27>1 2024-11-22T14:50:00.123Z router.home.arpa lares-names - - "
          + "[lares@32473 _=\"empty\" a_b_____=\"#000#011\"] \u{feff}two#012lines#177"
      ),
    ] as [(String, LogLevel, [String: String], String)]) func goldenLines(
      _ text: String, _ level: LogLevel, _ fields: [String: String], _ expected: String
    )
  {
    #expect(message(text, level, fields: fields) == expected)
    Self.expectGrammar(Array(expected.utf8))
  }

  @Test(arguments: [
    ("<30>1", "<30>2"), ("<30>", "<38>"), (".123Z", ".123"), ("T14", " 14"), ("router.home.arpa", ""), ("lares-", ""),
    ("a=\"1\"", "a=\"1]\""), ("a=\"1\"", "a=\"\\n\""), ("a=", "a b="), ("]", ""), ("\u{feff}", ""),
  ]) func theGrammarRefusesWhatIsWrong(_ right: String, _ wrong: String) {
    let text = message("hello", fields: ["a": "1"])
    #expect(SyslogGrammar.accepts(text) && text.unicodeScalars.contains("\u{feff}"))
    let changed = String(
      decoding: Array(text.utf8).replacing(Array(right.utf8), with: Array(wrong.utf8)), as: UTF8.self)
    #expect(changed != text && !SyslogGrammar.accepts(changed), "\(changed)")
  }

  @Test(
    arguments: [
      (0, "1970-01-01T00:00:00.000Z"), (951_782_399_999, "2000-02-28T23:59:59.999Z"),
      (951_782_400_000, "2000-02-29T00:00:00.000Z"), (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ] as [(Int64, String)]) func timesAreThoseOfRFC3339(_ time: Int64, _ expected: String)
  {
    #expect(message("", time: time).contains(" \(expected) "))
  }

  @Test(arguments: ["x", "é", "👩‍👩‍👧", "\n", "]"])
  func longMessagesAndFieldsAreCutBetweenCharacters(_ text: String) {
    let long = String(repeating: text, count: 2_000)
    for fields in [[:], ["a": long], ["a": String(long.prefix(60)), "b": long, "c": "kept"]] {
      let line = LogLine(
        time: 0, daemon: String(repeating: "d", count: 32), level: .info, message: long, fields: fields)
      let bytes = Syslog.message(line, host: String(repeating: "h", count: 255))
      #expect((1_150...Syslog.byteLimit).contains(bytes.count))
      #expect(String(validating: bytes, as: UTF8.self) != nil)
      Self.expectGrammar(bytes)
    }
  }

  @Test(arguments: [IPAddress("127.0.0.1"), IPAddress("::1")])
  func linesOfTheLevelArriveInBothFamilies(_ address: IPAddress?) throws {
    let address = try #require(address)
    let receiver = try ReceivingSocket(address)
    let folder = try TemporaryFolder()
    let loop = try EventLoop()
    let log = Log(daemon: "names", folders: folder.folders)
    let keeper = LogKeeper(folders: folder.folders, loop: loop, log: log)
    keeper.apply(
      LogSettings(remote: SocketAddress(address, port: receiver.port), level: .notice), host: "router.home.arpa")
    log.info("not for others")
    log.error("for all")
    try loop.runOnce(limitMilliseconds: 1_000)
    #expect(keeper.ring.answer(try LogQuery(HTTPRequestHead(method: "GET", target: "/", fields: []))).lines.count == 2)
    let text = String(decoding: receiver.next(), as: UTF8.self)
    #expect(SyslogGrammar.accepts(text) && text.hasPrefix("<27>") && text.hasSuffix("for all"), "\(text)")
    #expect(receiver.next() == [] && keeper.problems == [])
  }

  @Test func aReceiverThatCannotBeReachedIsAProblemAndNothingElse() throws {
    let folder = try TemporaryFolder()
    let loop = try EventLoop()
    let log = Log(daemon: "names", folders: folder.folders)
    let keeper = LogKeeper(folders: folder.folders, loop: loop, log: log)
    // A broadcast address is refused to who has not asked for it.
    let nowhere = SocketAddress(.v4(IPv4Address(255, 255, 255, 255)), port: 514)
    keeper.apply(LogSettings(remote: nowhere), host: "router.home.arpa")
    log.info("kept")
    try loop.runOnce(limitMilliseconds: 1_000)
    #expect(keeper.problems.count == 1)
    #expect(keeper.problems.first?.hasPrefix("log lines are not sent: sending to 255.255.255.255:514: ") == true)
    keeper.apply(LogSettings(), host: "router.home.arpa")
    #expect(keeper.problems == [])
    #expect(keeper.metrics["lares_log_unsent_total"]?.value == 1)
  }

  @Test func twoFieldsNeverHaveOneName() {
    let text = message("", fields: ["a b": "1", "a_b": "2", String(repeating: "k", count: 40): "3"])
    #expect(text.contains("[lares@32473 a_b=\"1\" \(String(repeating: "k", count: 32))=\"3\"] "))
  }

  /// Checks a message against the grammar, its size, and that it has no control character.
  static func expectGrammar(_ bytes: [UInt8], _ location: SourceLocation = #_sourceLocation) {
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(SyslogGrammar.accepts(text), "\(text)", sourceLocation: location)
    #expect(bytes.count <= Syslog.byteLimit, sourceLocation: location)
    #expect(text.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 }, sourceLocation: location)
  }
}

/// A UDP socket on a loopback address.
private struct ReceivingSocket: ~Copyable {
  let port: UInt16
  private let descriptor: Descriptor

  init(_ address: IPAddress) throws {
    let isV4 = address.family == .v4
    let number = socket(isV4 ? AF_INET : AF_INET6, Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
    descriptor = Descriptor(owning: number)
    var storage = sockaddr_storage()
    var size = socklen_t(isV4 ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size)
    withUnsafeMutableBytes(of: &storage) { bytes in
      if isV4 {
        bytes.storeBytes(
          of: sockaddr_in(
            sin_family: sa_family_t(AF_INET), sin_port: 0, sin_addr: in_addr(s_addr: UInt32(0x7f00_0001).bigEndian),
            sin_zero: (0, 0, 0, 0, 0, 0, 0, 0)), as: sockaddr_in.self)
      } else {
        var loopback = sockaddr_in6()
        loopback.sin6_family = sa_family_t(AF_INET6)
        loopback.sin6_addr = in6addr_loopback
        bytes.storeBytes(of: loopback, as: sockaddr_in6.self)
      }
    }
    let result = withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(number, address, size) == 0 ? getsockname(number, address, &size) : -1
      }
    }
    guard result == 0 else { throw SystemError("binding \(address)") }
    // The port is at the same place in both families.
    port = withUnsafeBytes(of: &storage) { UInt16(bigEndian: $0.loadUnaligned(fromByteOffset: 2, as: UInt16.self)) }
  }

  /// The next datagram that is there; empty where none is.
  func next() -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 4_096)
    let count = recv(descriptor.number, &buffer, buffer.count, 0)
    return Array(buffer.prefix(max(0, count)))
  }
}
