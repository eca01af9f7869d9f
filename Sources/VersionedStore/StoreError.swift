public import GitFormat
public import HostSystem

/// Why the store did not do what was asked. Each says what, where and, where there is something to do, what to do.
public enum StoreError: Error, Equatable, Sendable {
  /// There is no such object here. In a shallow or damaged repository that is no fault of the one who asks.
  case missing(ObjectID)
  /// An object is of another kind than its place asks for.
  case wrongKind(ObjectID, found: ObjectKind, expected: ObjectKind)
  /// Stored or received bytes break their format's rules.
  case malformed(FormatError)
  /// A file of the store is damaged; the second value says how.
  case damaged(file: String, String)
  /// There is nothing at this path.
  case notFound(Path)
  /// A name that may not stand in a tree; the second value says why.
  case badName(Path, String)
  /// There is no such branch.
  case noBranch(String)
  /// A reference is not what the change expected it to be: somebody was faster.
  case refChanged(RefName, expected: ObjectID?, found: ObjectID?)
  /// A value was not what test-and-set expected.
  case testFailed(Path)
  /// Two changes of the same places cannot both be kept.
  case conflict([Path])
  /// Somebody changed the branch each of so many times.
  case tooManyRetries(Int)
  /// A search of the history gave up at a limit that the caller set.
  case limitReached(String)
  /// Another program holds a lock of this repository.
  case locked(file: String, seconds: Int)
  /// The two sides name their objects by different hash functions.
  case otherFormat(ours: ObjectFormat, theirs: ObjectFormat)
  /// What the other side of a connection says why it does not do what was asked, without control characters.
  case remote(String)
  /// The person may not do this.
  case denied(String)
  /// A size, depth or count is beyond what is accepted.
  case tooLarge(String)
  /// A sync of this file has failed, so nothing that needs it counts as stored any more until the store is opened again.
  case poisoned(file: String)
  /// Somebody brings back what was forgotten here; the second value says where it stands in what was sent.
  case forgotten(ObjectID, String)
  case system(SystemError)
  /// What was asked makes no sense here; the value says why.
  case invalid(String)
}

extension StoreError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .missing(let id): "object \(id) is not in this repository"
    case .wrongKind(let id, let found, let expected): "object \(id) is a \(found), expected a \(expected)"
    case .malformed(let error): "\(error)"
    case .damaged(let file, let how): "\(file) is damaged: \(how)"
    case .notFound(let path): "there is nothing at \(path.isRoot ? "the root" : "\(path)")"
    case .badName(let path, let why): "\(path) cannot be a path: \(why)"
    case .noBranch(let name): "there is no branch \(name)"
    case .refChanged(let name, let expected, let found):
      "\(name) is \(found.map(\.hex) ?? "not there"), expected \(expected.map(\.hex) ?? "it not to be there")"
    case .testFailed(let path): "\(path) is not what the change expected"
    case .conflict(let paths): "both sides changed \(paths.map(\.description).joined(separator: ", "))"
    case .tooManyRetries(let count): "the branch was changed by others at each of \(count) tries"
    case .limitReached(let what): "gave up: \(what)"
    case .locked(let file, let seconds):
      "\(file) has been there for \(seconds) s: another program is changing this repository; "
        + "remove the file if that program is no more"
    case .otherFormat(let ours, let theirs):
      "this repository names objects by \(ours.rawValue), the other by \(theirs.rawValue); they cannot be joined"
    case .remote(let why): "the other side says: \(why)"
    case .denied(let what): "not allowed: \(what)"
    case .tooLarge(let what): "too large: \(what)"
    case .poisoned(let file): "an earlier sync of \(file) failed; nothing is stored until the store is opened again"
    case .forgotten(let id, let place):
      "\(place) has been forgotten here for good (object \(id)); fetch, and put your own work onto the new history "
        + "(git rebase --onto), or clone anew"
    case .system(let error): "\(error)"
    case .invalid(let why): why
    }
  }
}

/// Runs what uses the disk, and says a failure as the store does.
func onDisk<Result: ~Copyable>(_ body: () throws(SystemError) -> Result) throws(StoreError) -> Result {
  do { return try body() } catch { throw .system(error) }
}
