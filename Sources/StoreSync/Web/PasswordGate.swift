import GitFormat
import HostSystem
import Synchronization
import VersionedStore
import Wire

/// Finds out who somebody is by name and password, and makes guessing slow: one password is tried at a time, each
/// failure from an address makes its next answer later, and after several of them it is not asked for a while.
///
/// A password that was right is known for some minutes by a keyed hash, since clients send it with every request.
final class PasswordGate: Sendable {
  enum Answer: Equatable, Sendable {
    case welcome(Principal)
    /// Wrong name or password; to be told after a while.
    case wrong(afterMilliseconds: Int64)
    /// Too many failures, or too many who ask.
    case busy(seconds: Int64)
  }

  private struct State {
    var known: [String: (entry: PasswordFile.Entry, proof: [UInt8], until: Instant)] = [:]
    var failures: [IPAddress: (count: Int, last: Instant)] = [:]
    var waiting = 0
  }

  private let key: [UInt8]
  private let state = Mutex(State())
  private let turn = Mutex(())

  static let knownMilliseconds: Int64 = 300_000
  /// After so many failures an address waits.
  static let failureLimit = 10
  static let pauseMilliseconds: Int64 = 60_000
  private static let addressLimit = 10_000
  private static let waitingLimit = 16
  private static let passwordLimit = 1_024

  /// - Parameter key: random bytes that nobody else knows.
  init(key: [UInt8]) { self.key = key }

  func check(
    _ name: String, _ password: [UInt8], in file: PasswordFile, from address: IPAddress, now: Instant
  ) throws(StoreError) -> Answer {
    let entry = file[name]
    let proof = try proof(name, password)
    if let entry, isKnown(name, entry, proof, now) { return .welcome(entry.principal) }
    if let seconds = pause(Self.network(of: address), now) { return .busy(seconds: seconds) }
    guard password.count <= Self.passwordLimit else { return .wrong(afterMilliseconds: 1_000) }
    let hasPlace = state.withLock { state in
      guard state.waiting < Self.waitingLimit else { return false }
      state.waiting += 1
      return true
    }
    guard hasPlace else { return .busy(seconds: 2) }
    defer { state.withLock { $0.waiting -= 1 } }
    let isRight = try turn.withLock { _ throws(StoreError) in
      // A name that is not there takes as long as one that is.
      try (entry ?? file.entries.first ?? Self.nobody).accepts(password) && entry != nil
    }
    return state.withLock { state in
      let network = Self.network(of: address)
      guard isRight, let entry else {
        if state.failures.count >= Self.addressLimit {
          state.failures = state.failures.filter { now.milliseconds(since: $0.value.last) < Self.pauseMilliseconds }
        }
        let count = min((state.failures[network]?.count ?? 0) + 1, 1_000)
        if state.failures.count < Self.addressLimit || count > 1 { state.failures[network] = (count, now) }
        return .wrong(afterMilliseconds: 250 << Int64(min(count - 1, 4)))
      }
      state.failures[network] = nil
      state.known[entry.principal.name] = (entry, proof, now.advanced(milliseconds: Self.knownMilliseconds))
      return .welcome(entry.principal)
    }
  }

  private func isKnown(_ name: String, _ entry: PasswordFile.Entry, _ proof: [UInt8], _ now: Instant) -> Bool {
    state.withLock { state in
      guard let known = state.known[name], known.entry == entry, now < known.until else { return false }
      return areEqualInConstantTime(known.proof, proof)
    }
  }

  private func pause(_ network: IPAddress, _ now: Instant) -> Int64? {
    state.withLock { state in
      guard let (count, last) = state.failures[network] else { return nil }
      let passed = now.milliseconds(since: last)
      guard passed < Self.pauseMilliseconds else {
        state.failures[network] = nil
        return nil
      }
      return count < Self.failureLimit ? nil : (Self.pauseMilliseconds - passed) / 1_000 + 1
    }
  }

  private func proof(_ name: String, _ password: [UInt8]) throws(StoreError) -> [UInt8] {
    var hasher = ObjectHasher(.sha256)
    for part in [key, Array(name.utf8), [0], password] { hasher.update(part) }
    do { return Array(try hasher.finish().bytes) } catch { throw .malformed(error) }
  }

  /// One host of IPv6 has many addresses.
  private static func network(of address: IPAddress) -> IPAddress {
    if case .v6(let v6) = address { return .v6(IPv6Address(high: v6.high, low: 0)) }
    return address
  }

  /// Whose password nobody knows.
  private static let nobody = PasswordFile.Entry.nobody
}
