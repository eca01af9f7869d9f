import CNetlinkShims
import Glibc
import HostSystem

extension NetlinkSocket {
  /// How often a dump that changed under the kernel's hands is started again.
  private static let dumpAttempts = 8

  /// Carries out a request that is not a dump, and answers what `parse` made of the messages that came before the acknowledgement.
  @discardableResult
  public func request<Answer>(
    _ request: NetlinkRequest, parse: (borrowing Message) -> Answer?
  ) throws(NetlinkError) -> [Answer] {
    try exchange(request, parse).answers
  }

  /// Carries out a request that has no answer but the acknowledgement.
  public func perform(_ request: NetlinkRequest) throws(NetlinkError) {
    _ = try exchange(request) { _ -> Never? in nil }
  }

  /// Carries out a dump, and answers what `parse` made of its messages.
  ///
  /// A dump that the kernel marks as inconsistent (NLM_F_DUMP_INTR), or that lost messages, is begun again up to eight times; then it fails
  /// with EINTR.
  public func dump<Answer>(
    _ request: NetlinkRequest, parse: (borrowing Message) -> Answer?
  ) throws(NetlinkError) -> [Answer] {
    try dump(request, into: []) { answers, message in
      if let answer = parse(message) { answers.append(answer) }
    }
  }

  /// The same, with the messages gathered into any value; where the dump is begun again, so is it, from `initial`.
  public func dump<Whole>(
    _ request: NetlinkRequest, into initial: Whole, gather: (inout Whole, borrowing Message) -> Void
  ) throws(NetlinkError) -> Whole {
    for _ in 0..<Self.dumpAttempts {
      do throws(NetlinkError) {
        var whole = initial
        let exchanged = try exchange(request) { message -> Never? in
          gather(&whole, message)
          return nil
        }
        if exchanged.isConsistent { return whole }
      } catch {
        guard error.code == ENOBUFS || error.code == EINTR else { throw error }
        try drain()
      }
    }
    throw NetlinkError(code: EINTR, attempt: request.attempt, kernelText: "the table keeps changing while it is read")
  }

  /// Sends a batch of finished messages as one datagram and answers the verdicts on them, in the order in which they came: one for each
  /// message that asked for it (NLM_F_ACK), and one for each that failed.
  ///
  /// The kernel has worked on all of them when sending returns. Make room first for many verdicts with ``setReceiveBuffer(bytes:)``, about 1 KiB
  /// each: where they did not fit this fails with ENOBUFS, and what became of the batch must be read back.
  public func transact(
    _ batch: UnsafeRawBufferPointer, attempt: @autoclosure () -> String
  ) throws(NetlinkError) -> [Acknowledgement] {
    try drain()
    try send(batch, attempt: attempt())
    var verdicts: [Acknowledgement] = []
    do throws(NetlinkError) {
      while try isReadable() {
        _ = try receive(attempt: attempt()) { message in
          if message.port == port, let verdict = Acknowledgement(message) { verdicts.append(verdict) }
        }
      }
    } catch {
      try drain()
      throw error
    }
    return verdicts
  }

  /// Throws away what waits to be read: it belongs to a request that was given up, and would take the room of later answers.
  private func drain() throws(NetlinkError) {
    while try isReadable() { _ = try? receive { _ in } }
  }

  private func isReadable() throws(NetlinkError) -> Bool {
    var request = pollfd(fd: fileDescriptor, events: Int16(POLLIN), revents: 0)
    do {
      return try systemCall("waiting for the kernel") { poll(&request, 1, 0) } > 0
    } catch {
      throw NetlinkError(error)
    }
  }

  /// Sends the request and reads until its acknowledgement or the end of its dump. What belongs to an earlier request is passed over.
  private func exchange<Answer>(
    _ request: NetlinkRequest, _ parse: (borrowing Message) -> Answer?
  ) throws(NetlinkError) -> (answers: [Answer], isConsistent: Bool) {
    let sequence = nextSequence()
    var sendError: NetlinkError?
    request.message.bytes(sequence: sequence, port: port).withUnsafeBytes { bytes in
      do throws(NetlinkError) { try send(bytes, attempt: request.attempt) } catch { sendError = error }
    }
    if let sendError { throw sendError }
    var collector = AnswerCollector<Answer>(sequence: sequence, port: port)
    while collector.verdict == nil {
      let isDatagram = try receive(attempt: request.attempt) { collector.take($0, parse) }
      guard isDatagram else { throw NetlinkError(code: EAGAIN, attempt: request.attempt) }
    }
    if let error = collector.verdict?.error(request.attempt) { throw error }
    return (collector.answers, collector.isConsistent)
  }
}

/// Sorts what a socket receives into the answers to one request and the verdict that ends them. Pure.
struct AnswerCollector<Answer> {
  private let sequence: UInt32
  private let port: UInt32
  private(set) var answers: [Answer] = []
  /// False where the table changed while it was dumped (NLM_F_DUMP_INTR).
  private(set) var isConsistent = true
  /// Nil until the last message has come.
  private(set) var verdict: Acknowledgement?

  init(sequence: UInt32, port: UInt32) {
    self.sequence = sequence
    self.port = port
  }

  /// Passes over what belongs to another request, what comes after the verdict, and what `parse` knows nothing to do with.
  mutating func take(_ message: borrowing Message, _ parse: (borrowing Message) -> Answer?) {
    guard message.sequence == sequence, message.port == port, verdict == nil else { return }
    if message.flags & UInt16(NLM_F_DUMP_INTR) != 0 { isConsistent = false }
    if let acknowledgement = Acknowledgement(message) {
      verdict = acknowledgement
    } else if message.type >= UInt16(NLMSG_MIN_TYPE), let answer = parse(message) {
      answers.append(answer)
    }
  }
}
