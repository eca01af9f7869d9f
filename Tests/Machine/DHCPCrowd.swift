import HostSystem
import Wire

/// Clients on a machine's network card that ask for addresses, several at once, and remember what they were promised. They
/// are wordy, so that the router's files soon need to be written anew.
final class DHCPCrowd {
  /// An acknowledgement that has reached the client.
  struct Promise {
    var address: IPv4Address
    var hardware: MACAddress
    /// What `time` said when it had come.
    var time: Int
  }

  private(set) var promises: [Promise] = []
  private let machine: Guest
  private let time: () throws -> Int

  /// How many clients ask at the same time, and how long each waits before it asks again.
  private static let atOnce = 8
  private static let patienceMilliseconds: Int64 = 2_000

  init(on machine: Guest, time: @escaping () throws -> Int = { 0 }) {
    self.machine = machine
    self.time = time
  }

  /// Clients with these numbers, new to the router, ask for addresses until `limit` have been promised one.
  func arrive(_ numbers: Range<UInt64>, limit: Int = .max, seconds: Int) throws {
    try ask(
      numbers.map { Question(hardware: MACAddress(value: 0x0200_0001_0000 + $0)) }, limit: limit, seconds: seconds)
  }

  /// Clients that were promised an address elsewhere come up again and ask for the same (RFC 2131 section 3.2).
  func returnWith(_ promises: [Promise], seconds: Int) throws {
    try ask(
      promises.map { Question(hardware: $0.hardware, address: $0.address) }, limit: .max, seconds: seconds)
  }

  private struct Question {
    var hardware: MACAddress
    var address: IPv4Address?
    var server: IPv4Address?
  }

  private func ask(_ questions: [Question], limit: Int, seconds: Int) throws {
    let end = Clock.now.advanced(milliseconds: Int64(seconds) * 1_000)
    var waiting = questions[...]
    var asking: [MACAddress: (question: Question, again: Instant)] = [:]
    while promises.count < limit, Clock.now < end, !(waiting.isEmpty && asking.isEmpty) {
      while asking.count < Self.atOnce, let question = waiting.popFirst() {
        asking[question.hardware] = (question, try send(question))
      }
      for (hardware, entry) in asking where entry.again <= Clock.now {
        asking[hardware]?.again = try send(entry.question)
      }
      guard let frame = try machine.receive(milliseconds: 100) else { continue }
      guard let datagram = UDPv4FrameView(frame.span.bytes), datagram.frame.destinationPort == DHCPv4.clientPort,
        let reply = try? DHCPv4View(datagram.payload), var question = asking[reply.header.hardware]?.question
      else { continue }
      switch reply.messageType {
      case .offer where question.address == nil:
        (question.address, question.server) = (reply.header.yourAddress, reply.serverIdentifier)
        asking[question.hardware] = (question, try send(question))
      case .acknowledge:
        promises.append(
          Promise(address: reply.header.yourAddress, hardware: question.hardware, time: try time()))
        asking[question.hardware] = nil
      case .refuse: asking[question.hardware] = nil
      default: break
      }
    }
  }

  /// Sends what the client asks now, and returns when it asks again.
  private func send(_ question: Question) throws -> Instant {
    var builder = DHCPv4Builder(
      DHCPv4Header(
        operation: .request, transaction: UInt32(truncatingIfNeeded: question.hardware.value),
        hardware: question.hardware), type: question.address == nil ? .discover : .request)
    builder.add(
      .clientIdentifier,
      bytes: [0] + (0..<128).map { UInt8(truncatingIfNeeded: question.hardware.value >> ($0 % 6 * 8)) })
    if let address = question.address { builder.add(.requestedAddress, address) }
    if let server = question.server { builder.add(.serverIdentifier, server) }
    let frame = UDPv4Frame(
      source: question.hardware, destination: .broadcast, sourceAddress: .any, destinationAddress: .broadcast,
      sourcePort: DHCPv4.clientPort, destinationPort: DHCPv4.serverPort)
    if let bytes = frame.encoded(payload: builder.message().span.bytes) { try machine.send(bytes) }
    return Clock.now.advanced(milliseconds: Self.patienceMilliseconds)
  }
}
