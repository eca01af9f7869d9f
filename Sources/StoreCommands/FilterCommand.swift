import ArgumentParser
import GitFormat
import Glibc
import HostSystem
import VersionedStore

/// `lares store filter`.
struct FilterCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "filter", abstract: "Have stock git check out values above 64 MiB as files.",
    discussion: """
      The repository has such a value in chunks, below .lares-chunks beside its path, and a short text at its path. To have \
      the values themselves in a clone, for files whose names end in .mov, say:

          git config --global filter.lares.smudge "lares store filter smudge %f"
          git config --global filter.lares.clean "lares store filter clean %f"
          git config --global filter.lares.required true
          git clone --sparse --no-checkout ADDRESS FOLDER && cd FOLDER
          git sparse-checkout set --no-cone "/*" "!.lares-chunks/"
          printf '%s\\n' "*.mov filter=lares -text -diff" >>.git/info/attributes
          git checkout

      The sparse checkout leaves the chunks out of the working tree, where nobody needs them. The line of attributes may \
      as well stand in .gitattributes, for all clones.

      A value that is changed in the clone is committed and pushed as one file; it is cut into chunks when Lares writes it \
      next.

      To move such a value, move its file and add that: mv OLD NEW && git add -A. A git mv takes the text along without the       chunks, and the value is then a text of 150 bytes to everybody else.
      """,
    subcommands: [SmudgeCommand.self, CleanCommand.self])
}

struct SmudgeCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "smudge", abstract: "From a pointer on standard input to its value; all else as it is.")
  @Argument(help: ArgumentHelp("The file's path in the working tree.", valueName: "%f"))
  var path: PathArgument

  func perform(_ output: Output) throws {
    let clone = try GitClone.here()
    var input = DescriptorSource(STDIN_FILENO, name: "standard input")
    try ChunkFilter.smudge(&input, from: clone, to: output.write(value:))
  }
}

struct CleanCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "clean", abstract: "From a value that is as checked out to its pointer; all else as it is.")
  @Argument(help: ArgumentHelp("The file's path in the working tree.", valueName: "%f"))
  var path: PathArgument

  func perform(_ output: Output) throws {
    let clone = try GitClone.here()
    var input = DescriptorSource(STDIN_FILENO, name: "standard input")
    let entry = try clone.head()?.tree.entry(path.path)
    var stored: [UInt8]?
    if let entry, entry.mode.kind == .blob, try clone.kindAndSize(entry.id).size <= ChunkPointer.longest {
      stored = try clone.bytes(entry.id, .blob)
    }
    let folder = environmentVariable("TMPDIR") ?? "/var/tmp"
    try ChunkFilter.clean(
      &input, stored: stored, clone.format, clone.chunkLimits, spool: try FileSpool(in: folder),
      to: output.write(value:))
  }
}

extension GitClone {
  /// The clone in whose working tree Git runs its filters.
  fileprivate static func here() throws(StoreError) -> GitClone {
    try GitClone(workTree: ".") { environmentVariable($0) }
  }
}
