import ArgumentParser
import GitFormat
import Glibc
import HostSystem
import VersionedStore

/// `lares store merge-driver`.
struct MergeDriverCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge-driver", abstract: "Merge one file for stock git merge.",
    discussion: """
      Files are merged by what their names end in: \(kinds.map { ".\($0)" }.joined(separator: " ")); others as text. To \
      have git use it in a clone:

          git config merge.lares.name "merge by what the file is"
          git config merge.lares.driver \\
            "lares store merge-driver %O %A %B %L %P"
          echo "* merge=lares" >>.gitattributes

      For files with other names, a driver of their own kind; lares store merge knows this attribute too:

          git config merge.lares-json.driver \\
            "lares store merge-driver --kind json %O %A %B %L %P"
          echo "*.settings merge=lares-json" >>.gitattributes

      Exit status: 0 merged, 1 a conflict is left (text has markers, other files are ours), 129 failed.
      """)

  private static var kinds: [String] { MergePolicy.kinds.keys.sorted() }

  @Option(help: "Merge as this kind of file, whatever its name.")
  var kind: String?
  @Argument(help: ArgumentHelp("The common ancestor's version.", valueName: "%O"))
  var base: String
  @Argument(help: ArgumentHelp("Ours; the result is written there.", valueName: "%A"))
  var ours: String
  @Argument(help: ArgumentHelp("Theirs.", valueName: "%B"))
  var theirs: String
  @Argument(help: ArgumentHelp("How long the markers of a conflict are.", valueName: "%L"))
  var markerSize: Int
  @Argument(help: ArgumentHelp("The file's path in the repository.", valueName: "%P"))
  var path: PathArgument

  func validate() throws {
    if let kind, MergePolicy.kinds[kind] == nil {
      throw ValidationError("\(kind) is no kind of file; there are \(Self.kinds.joined(separator: ", "))")
    }
  }

  func run() throws {
    do {
      let result = try MergeDriver.merge(
        base: try File.read(base), ours: try File.read(ours), theirs: try File.read(theirs), at: path.path,
        policy: policy, markerSize: markerSize)
      try write(result.bytes)
      guard let reason = result.conflict else { return }
      printWarning("\(path.path.words): \(reason)")
      throw ExitCode(Self.conflict)
    } catch let error as StoreError {
      throw Self.failed(error)
    } catch let error as SystemError {
      throw Self.failed(error)
    }
  }

  private static let conflict: Int32 = 1

  /// Above 128, for which git leaves the merge alone.
  private static func failed(_ error: some Error) -> ExitCode {
    printWarning("Error: \(error)")
    return ExitCode(129)
  }

  private var policy: MergePolicy {
    kind.flatMap { MergePolicy.kinds[$0] }.map { MergePolicy(otherwise: $0) } ?? .standard
  }

  /// Into the file that is there, which git has made.
  private func write(_ bytes: [UInt8]) throws(SystemError) {
    let file = try Descriptor(opening: ours, O_WRONLY | O_TRUNC)
    try file.writeAll(bytes, to: ours)
  }
}
