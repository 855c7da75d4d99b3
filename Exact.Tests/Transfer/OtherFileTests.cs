using System.Formats.Tar;
using System.Globalization;
using System.Text;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Reading;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Transfer;

/// <summary>Files that are no fixture in UTF-8: each gets one sentence that names what it is and what to do.</summary>
public sealed class OtherFileTests(FixtureDatabase database) : IClassFixture<FixtureDatabase>
{
    [Theory]
    [InlineData("1F8B0800", "gzip twice")]
    [InlineData("425A68393141592653", "bunzip2")]
    [InlineData("FD377A585A000004", "unxz")]
    [InlineData("5D00008000", "unlzma")]
    [InlineData("28B52FFD", "unzstd")]
    [InlineData("04224D18", "unlz4")]
    [InlineData("1F9D90", "uncompress")]
    [InlineData("789C", "zlib")]
    [InlineData("504B0304", "unzip")]
    [InlineData("377ABCAF271C", "7z x")]
    [InlineData("526172211A0700", "unrar")]
    [InlineData(
        "53514C69746520666F726D6174203300",
        "SQLite database. Let Django write a fixture: manage.py dumpdata -o"
    )]
    [InlineData("5047444D50", "custom format. Restore it into an empty database (pg_restore")]
    [InlineData("255044462D", "PDF")]
    [InlineData("0001020304", "binary")]
    public async Task A_binary_file_is_named_by_its_magic_number(string magic, string said)
    {
        var fault = await FaultAsync([.. Convert.FromHexString(magic), .. new byte[600]]);

        Assert.Contains(said, fault.Detail, StringComparison.Ordinal);
        Assert.Equal((1, 1, 0), (fault.Line, fault.Column, fault.ByteOffset));
        Assert.DoesNotContain("UTF-16", fault.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("backup.json", TarEntryFormat.Pax, "tar -xf")]
    [InlineData("backup.json", TarEntryFormat.V7, "tar -xf")]
    [InlineData("backup.json", TarEntryFormat.Gnu, "tar -xf")]
    [InlineData("toc.dat", TarEntryFormat.Ustar, "pg_restore")]
    public async Task A_tar_archive_is_named_whatever_wrote_it(string name, TarEntryFormat format, string said)
    {
        using var file = new MemoryStream();
        await using (var tar = new TarWriter(file, format, leaveOpen: true))
        {
            TarEntry entry = format switch
            {
                TarEntryFormat.V7 => new V7TarEntry(TarEntryType.V7RegularFile, name),
                TarEntryFormat.Gnu => new GnuTarEntry(TarEntryType.RegularFile, name),
                TarEntryFormat.Ustar => new UstarTarEntry(TarEntryType.RegularFile, name),
                _ => new PaxTarEntry(TarEntryType.RegularFile, name),
            };
            entry.DataStream = new MemoryStream(Encoding.UTF8.GetBytes(Fixture(User())));
            await tar.WriteEntryAsync(entry, TestContext.Current.CancellationToken);
        }

        Assert.Contains(said, (await FaultAsync(file.ToArray())).Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(
        "--\n-- PostgreSQL database dump\n--\n\n\\restrict x\n\n-- Dumped\n\nSET statement_timeout = 0;\n",
        "as SQL"
    )]
    [InlineData("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n", "as SQL")]
    [InlineData("-- MySQL dump 10.13\n-- ------\n/*!40101 SET NAMES utf8 */;\n\nDROP TABLE IF EXISTS `a`;\n", "as SQL")]
    [InlineData("COPY public.api_score (id) FROM stdin;\n1\n", "as SQL")]
    [InlineData("<?xml version=\"1.0\"?>\n<django-objects version=\"1.0\">", "XML. Let Django write JSON")]
    [InlineData("\n<django-objects version=\"1.0\">", "XML. Let Django write JSON")]
    [InlineData("<!DOCTYPE html>\n<html>", "HTML page")]
    [InlineData("- model: auth.group\n  pk: 1\n", "YAML. Let Django write JSON")]
    [InlineData("---\n# a comment\n- fields: {name: g}\n", "YAML. Let Django write JSON")]
    [InlineData("- {model: auth.group, pk: 1}\n", "YAML. Let Django write JSON")]
    [InlineData("--x\r\nContent-Disposition: form-data; name=\"file\"\r\n", "multipart/form-data")]
    [InlineData("-----BEGIN PGP MESSAGE-----\n", "gpg -d")]
    [InlineData("version https://git-lfs.github.com/spec/v1\n", "git lfs pull")]
    [InlineData("H4sIAAAAAAAA/4uO5QIA\n", "base64 -d")]
    [InlineData("\"[{\\\"model\\\": \\\"auth.group\\\"}]\"", "encoded twice")]
    public async Task Text_of_another_kind_is_named_in_every_encoding(string text, string said)
    {
        byte[][] files = [Encoding.UTF8.GetBytes(text), [0xFF, 0xFE, .. Encoding.Unicode.GetBytes(text)]];
        foreach (var file in files)
        {
            Assert.Contains(said, (await FaultAsync(file)).Detail, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("windows-1251", "Отзыв о сайте", "It looks like windows-1251", "WINDOWS-1251")]
    [InlineData("windows-1251", "ОТЧЁТ ЗА МАРТ", "windows-1251", "WINDOWS-1251")]
    [InlineData("windows-1251", "Звіт про їхні є", "It looks like windows-1251", "WINDOWS-1251")]
    [InlineData("ibm866", "Отзыв о сайте", "It looks like cp866", "CP866")]
    [InlineData("koi8-r", "Отзыв о сайте", "It looks like koi8-r", "KOI8-R")]
    [InlineData("windows-1252", "it’s", "It may be windows-1252 (latin-1)", "WINDOWS-1252")]
    [InlineData("windows-1252", "Größe übrig, schöne Straße", "It looks like windows-1252 (latin-1)", "WINDOWS-1252")]
    [InlineData("iso-8859-1", "Évaluation générée après l'été", "It looks like windows-1252 (latin-1)", "WINDOWS-1252")]
    [InlineData("windows-1252", "¿Cuántos años? Sí, señor", "It looks like windows-1252", "WINDOWS-1252")]
    [InlineData("windows-1250", "Zażółć gęślą jaźń", "It looks like windows-1250", "WINDOWS-1250")]
    [InlineData("windows-1250", "Příliš žluťoučký kůň", "It looks like windows-1250", "WINDOWS-1250")]
    [InlineData("iso-8859-2", "Zażółć gęślą jaźń", "It looks like iso-8859-2", "ISO-8859-2")]
    [InlineData("ibm850", "Größe übrig, schöne Straße", "It looks like cp850 (or cp437)", "CP850")]
    [InlineData("ibm437", "Évaluation générée après", "It looks like cp850 (or cp437)", "CP850")]
    [InlineData("cp932", "機械学習の説明表を比較する", "It looks like shift_jis (cp932)", "CP932")]
    [InlineData("cp932", "テスト表示", "It looks like shift_jis (cp932)", "CP932")]
    [InlineData("euc-jp", "説明の比較をする", "It looks like euc-jp", "EUC-JP")]
    [InlineData("gb2312", "机器学习模型的解释方法比较", "It looks like gbk (cp936)", "GBK")]
    [InlineData("euc-kr", "설명 방법의 비교", "It looks like euc-kr (cp949)", "CP949")]
    [InlineData("big5", "機器學習模型的解釋方法", "It looks like big5 (cp950)", "BIG5")]
    [InlineData("windows-1253", "Σύγκριση μεθόδων", "It looks like windows-1253", "WINDOWS-1253")]
    [InlineData("windows-1254", "Açıklama yöntemi karşılaştırması", "It looks like windows-1254", "WINDOWS-1254")]
    [InlineData("windows-1255", "השוואת שיטות הסבר", "windows-1255", "WINDOWS-1255")]
    [InlineData("windows-1256", "مقارنة طرق التفسير", "windows-1256", "WINDOWS-1256")]
    public async Task A_code_page_is_one_error_with_its_place_and_the_probable_name(
        string charset,
        string title,
        string said,
        string iconv
    )
    {
        FileEncoding.TryFind(charset, out var encoding);
        var head = $"[{Challenge(1, "c1")},\n{Challenge(2, "c2")},\n";
        var records = Enumerable.Range(3, 150).Select(pk => Challenge(pk, $"c{pk}", $""" "dataset": "{title}" """));
        var file = $"{head}{string.Join(",\n", records)}]";
        var before = file[..file.IndexOf(title.First(letter => letter > 0x7F))];

        var fault = await FaultAsync(encoding!.GetBytes(file));
        var key = await FaultAsync(encoding.GetBytes(Fixture(Challenge(1, "c1", $""" "{title}": 1 """))));

        Assert.Equal(("not-utf-8", 3), (fault.Code, fault.Line));
        Assert.Equal((before.Length - before.LastIndexOf('\n'), before.Length), (fault.Column, fault.ByteOffset));
        var place = string.Create(
            CultureInfo.InvariantCulture,
            $"The file is not UTF-8 from byte {before.Length}, line 3 on."
        );
        Assert.StartsWith(place, fault.Detail, StringComparison.Ordinal);
        Assert.True(fault.Detail.Contains(said, StringComparison.Ordinal), fault.Detail);
        Assert.Contains($"iconv -f {iconv} -t UTF-8", fault.Detail, StringComparison.Ordinal);
        Assert.Equal("not-utf-8", key.Code);
    }

    [Fact]
    public async Task One_wrong_byte_among_UTF8_is_named()
    {
        var file = Encoding.UTF8.GetBytes(Fixture(Challenge(1, "größe", """ "created_by": "Жан é@" """)));
        file[Array.IndexOf(file, (byte)'@')] = 0xE9;

        var fault = await FaultAsync(file);

        Assert.StartsWith("The byte 0xE9 at byte ", fault.Detail, StringComparison.Ordinal);
        Assert.Contains("is not UTF-8, but other text of the file is", fault.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_declared_encoding_is_read_and_what_is_not_of_it_is_refused()
    {
        FileEncoding.TryFind("windows-1251", out var russian);
        FileEncoding.TryFind("utf-16be", out var utf16);
        var file = Fixture(Challenge(1, "отчёт"));

        Assert.Empty(await database.ErrorsOfAsync(new PieceStream(russian!.GetBytes(file), 1), russian));
        Assert.Empty(await database.ErrorsOfAsync(new PieceStream(utf16!.GetBytes(file), 1), utf16));
        Assert.Empty(
            await database.ErrorsOfAsync(new MemoryStream([0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes(file)]), russian)
        );

        FileEncoding.TryFind("cp932", out var japanese);
        byte[] broken = [.. "[{\"model\": \""u8, 0x81, .. "\"}]"u8];
        var fault = Assert.Single(await database.ErrorsOfAsync(new MemoryStream(broken), japanese));
        Assert.StartsWith("The bytes from here on are not SHIFT_JIS", fault.Detail, StringComparison.Ordinal);
        Assert.Equal(12, fault.ByteOffset);
    }

    private async Task<FixtureError> FaultAsync(byte[] file)
    {
        var outcome = await database.ImportAsync(file, new ImportOptions());
        return Assert.IsType<ImportOutcome.NotJson>(outcome).Error;
    }
}
