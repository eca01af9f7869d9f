import CNetlinkShims
import Glibc

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
    for _ in 0..<Self.dumpAttempts {
      do throws(NetlinkError) {
        let (answers, isConsistent) = try exchange(request, parse)
        if isConsistent { return answers }
      } catch {
        guard error.code == ENOBUFS || error.code == EINTR else { throw error }
      }
    }
    throw NetlinkError(code: EINTR, attempt: request.attempt, kernelText: "the table keeps changing while it is read")
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
    var answers: [Answer] = []
    var isConsistent = true
    var verdict: Acknowledgement?
    while verdict == nil {
      let isDatagram = try receive(attempt: request.attempt) { message in
        guard message.sequence == sequence, message.port == port, verdict == nil else { return }
        if message.flags & UInt16(NLM_F_DUMP_INTR) != 0 { isConsistent = false }
        if let acknowledgement = Acknowledgement(message) {
          verdict = acknowledgement
        } else if message.type >= UInt16(NLMSG_MIN_TYPE), let answer = parse(message) {
          answers.append(answer)
        }
      }
      guard isDatagram else { throw NetlinkError(code: EAGAIN, attempt: request.attempt) }
    }
    if let error = verdict?.error(request.attempt) { throw error }
    return (answers, isConsistent)
  }
}
