import ArgumentParser
import GitFormat
import Glibc
import HostSystem
import VersionedStore

/// Which repository a command works on.
struct StoreOptions: ParsableArguments {
  @Option(
    name: [.customShort("C", allowingJoined: true), .customLong("repository")],
    help: ArgumentHelp(
      "Folder of the repository.", discussion: "Also taken from LARES_STORE. Default: the current folder.",
      valueName: "path"))
  var path: String?

  var folder: String { path ?? environmentVariable("LARES_STORE") ?? "." }

  /// The repository, to be read.
  func open(as person: Person = Person()) throws -> Repository {
    let folder = folder
    guard access("\(folder)/.git", F_OK) != 0 else {
      throw CommandFailure(
        .failed,
        "\(folder) is a working tree; name its repository: --repository \(folder == "." ? "" : "\(folder)/").git")
    }
    guard isFolder(folder) else { throw Self.noRepository("\(folder) is not a bare Git repository") }
    do throws(StoreError) {
      let backend = try GitBackend(opening: folder)
      for note in backend.recoveryNotes { printWarning("Note: \(note)") }
      return Repository(backend, identity: person.committer) { Clock.wall }
    } catch .invalid(let why) {
      throw Self.noRepository(why)
    }
  }

  private static func noRepository(_ why: String) -> CommandFailure {
    CommandFailure(.failed, "\(why); make one with lares store init, or name another with --repository")
  }

  /// Changes the repository. When this returns, other programs see what was done, too.
  func change<Result>(as person: Person, _ body: (Repository) throws -> Result) throws -> Result {
    let repository = try open(as: person)
    defer {
      do { try repository.backend.publish() } catch {
        printWarning("Warning: it is stored, but stock Git does not see it yet: \(error)")
      }
    }
    return try body(repository)
  }
}

/// Which branch of which repository.
struct BranchOptions: ParsableArguments {
  @OptionGroup var store: StoreOptions
  @Option(
    name: [.customShort("b"), .customLong("branch")],
    help: ArgumentHelp("The branch. Default: the one that HEAD names.", valueName: "name"))
  var name: String?

  func branch(in repository: Repository) throws -> Branch {
    guard let name else { return try repository.mainBranch() }
    return try repository.branch(name)
  }
}

/// Who makes a change, and why.
struct ChangeOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Who wants the change, as in \"Ada <ada@home.arpa>\".",
      discussion: "Also taken from GIT_AUTHOR_NAME and GIT_AUTHOR_EMAIL. Default: you.",
      valueName: "who"))
  var author: String?
  @Option(name: .shortAndLong, parsing: .unconditional, help: ArgumentHelp("Why; for the history.", valueName: "text"))
  var message: String?

  func validate() throws {
    if let author, Signature(line: author.utf8) == nil {
      throw ValidationError("--author \(author) is not of the form: Name <mail>")
    }
  }

  var person: Person { Person(author: author) }

  /// What the commit says of itself.
  func info(_ usual: String) -> CommitInfo {
    let message = message ?? usual
    return CommitInfo(author: person.authorNow, message: message.hasSuffix("\n") ? message : message + "\n")
  }
}

/// The value of an environment variable that is not empty.
func environmentVariable(_ name: String) -> String? {
  getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
}

/// Whether there is a folder at a path.
private func isFolder(_ path: String) -> Bool {
  var status = stat()
  return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}
