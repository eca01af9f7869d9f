/// Why the API refuses, with the HTTP status of the answer. The description says what was wrong and what to do.
public enum ControlError: Error, Equatable, Sendable {
  case noSuchCommit(Int, newest: Int)
  case windowOpen(commit: Int, owner: String, secondsLeft: Int)
  case nothingToConfirm
  /// The connection was there before the change, so it proves nothing about the network after it.
  case connectionTooOld
  case nothingToCommit
  case badWindow(Int)
  case candidateDiffers
  /// A push while lares.toml has edits that it would overwrite.
  case candidateInTheWay
  /// The pushed commits do not go on from the one in force.
  case pushDiverges
  case noSuchRevision(String)
  /// The history cannot be used just now; the value says why.
  case historyClosed(String)
  case notBisecting
  case nothingBefore
  case nothingCommitted
  case invalidConfiguration([String])
  case unknownDevice(String, nearest: String?)
  case notPaused(String)
  case badSecretName(String)
  case noSuchSecret(String)
  case badRequest(String)
  case notFound(String)
  case wrongMethod(String, allowed: [String])
  case notAllowed(String)
  case failed(String)

  public var status: Int {
    switch self {
    case .badRequest, .badWindow, .badSecretName: 400
    case .notAllowed: 403
    case .noSuchCommit, .noSuchRevision, .unknownDevice, .noSuchSecret, .notFound: 404
    case .wrongMethod: 405
    case .windowOpen, .nothingToConfirm, .connectionTooOld, .nothingToCommit, .candidateDiffers, .candidateInTheWay,
      .pushDiverges, .notBisecting, .nothingBefore, .nothingCommitted, .notPaused:
      409
    case .invalidConfiguration: 422
    case .historyClosed: 503
    case .failed: 500
    }
  }
}

extension ControlError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .noSuchCommit(let number, 0): "there is no commit \(number): nothing has been committed yet"
    case .noSuchCommit(let number, let newest): "there is no commit \(number); the history has 1 to \(newest)"
    case .windowOpen(let commit, let owner, let seconds):
      "commit \(commit) of \(owner) is provisional for another \(seconds) s: confirm it (lares confirm) or wait until it reverts"
    case .nothingToConfirm: "no commit is provisional: there is nothing to confirm"
    case .connectionTooOld: "confirm on a connection that was opened after the change; this one was there before"
    case .nothingToCommit: "nothing to commit: lares.toml says what the running configuration says"
    case .badWindow(let seconds): "a window of \(seconds) s cannot be kept: give 10 to 3600 seconds, or --now for none"
    case .candidateDiffers:
      "lares.toml has changes that were never committed and would be lost: commit them, or add --discard"
    case .candidateInTheWay:
      "lares.toml on the router has changes that were never committed and would be lost: commit them there and fetch, or undo them"
    case .pushDiverges:
      "main has commits that yours do not go on from: git pull --rebase, then push again"
    case .noSuchRevision(let text):
      "there is no commit, branch or tag \"\(text)\"; lares history has the numbers and names of commits"
    case .historyClosed(let why): "nothing can be changed or looked up, for the history cannot be used: \(why)"
    case .notBisecting: "no search is going on: lares bisect start GOOD BAD begins one"
    case .nothingBefore: "there is no earlier configuration to go back to; lares history lists the commits"
    case .nothingCommitted: "no configuration has been committed yet"
    case .invalidConfiguration(let lines): lines.joined(separator: "\n")
    case .unknownDevice(let name, let nearest):
      "there is no device \"\(name)\" in lares.toml\(nearest.map { "; did you mean \"\($0)\"?" } ?? "")"
    case .notPaused(let name): "\(name) is not paused"
    case .badSecretName(let name):
      "\"\(name)\" cannot name a secret: use letters, digits, hyphens and underscores, at most 63"
    case .noSuchSecret(let name): "there is no secret \"\(name)\"; lares secret list shows those there are"
    case .badRequest(let why): why
    case .notFound(let what): "there is no \(what)"
    case .wrongMethod(let path, let allowed): "\(path) answers \(allowed.joined(separator: ", ")) only"
    case .notAllowed(let why): why
    case .failed(let why): why
    }
  }
}
