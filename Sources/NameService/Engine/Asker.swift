import CNameService
import Wire

/// Somebody who waits for an answer, and what is needed to give it.
struct Asker {
  enum Path {
    /// The socket that the query came to, and the way back.
    case datagram(socket: Int32, lares_endpoint)
    case stream(StreamClient)
  }

  let path: Path
  let address: IPv6Address
  /// The whole query.
  let message: [UInt8]
  let query: DNSQuery
  /// Set where the household's name is an alias: what stands before the target's records.
  var alias: AnswerRecords?

  /// Octets that an answer may have.
  var limit: Int {
    switch path {
    case .datagram: min(query.payloadSize, udpAnswerLimit)
    case .stream: AnswerWriter.messageSize
    }
  }

  func send(_ answer: UnsafeRawBufferPointer) {
    switch path {
    case .datagram(let socket, var endpoint):
      _ = lares_send_to(socket, &endpoint, answer.baseAddress, UInt64(answer.count))
    case .stream(let client): client.send(answer)
    }
  }
}

/// The questions that a core has asked their owners, and who waits for them.
struct WaitingList {
  struct Entry {
    let question: Question
    let hash: UInt64
    /// The generation of the rules that the question passed.
    let generation: UInt32
    var askers: [Asker]
  }

  /// Why a question is not taken.
  enum Refusal: Error, Equatable {
    /// The client has `maximumPerClient` under way.
    case client
    /// The core has `maximumAskers`, or `maximumIsolated` of them.
    case core
  }

  /// Questions of one client address at a time.
  static let maximumPerClient = 256
  static let maximumAskers = 4_096
  /// Isolated networks together: their clients can take any number of addresses, and the house is still to be answered.
  static let maximumIsolated = maximumAskers / 3

  private var entries: [UInt64: Entry] = [:]
  private var tickets: [Question: UInt64] = [:]
  private var perClient: [IPv6Address: Int] = [:]
  private var lastTicket: UInt64 = 0
  private(set) var askerCount = 0
  private var isolatedCount = 0

  /// Adds somebody. The ticket where the owner has to be asked, nil where that is under way.
  mutating func add(
    _ asker: Asker, _ question: Question, hash: UInt64, generation: UInt32
  ) throws(Refusal) -> UInt64? {
    let isIsolated = question.traits.isIsolated
    guard askerCount < Self.maximumAskers, !isIsolated || isolatedCount < Self.maximumIsolated else { throw .core }
    guard perClient[asker.address, default: 0] < Self.maximumPerClient else { throw .client }
    perClient[asker.address, default: 0] += 1
    askerCount += 1
    if isIsolated { isolatedCount += 1 }
    if let ticket = tickets[question] {
      entries[ticket]?.askers.append(asker)
      return nil
    }
    lastTicket += 1
    tickets[question] = lastTicket
    entries[lastTicket] = Entry(question: question, hash: hash, generation: generation, askers: [asker])
    return lastTicket
  }

  /// Takes a question off the list with everybody who waits for it.
  mutating func remove(_ ticket: UInt64) -> Entry? {
    guard let entry = entries.removeValue(forKey: ticket) else { return nil }
    tickets[entry.question] = nil
    askerCount -= entry.askers.count
    if entry.question.traits.isIsolated { isolatedCount -= entry.askers.count }
    for asker in entry.askers {
      let left = perClient[asker.address, default: 1] - 1
      perClient[asker.address] = left == 0 ? nil : left
    }
    return entry
  }
}
