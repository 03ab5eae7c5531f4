// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {NodeRegistry} from "../../../contracts/NodeRegistry.sol";
import {INodePools} from "../../../contracts/interfaces/INodePools.sol";
import {NetworkTest} from "../base/NetworkTest.sol";

/// @dev Many draws from a network, and how far what comes out is from pure chance.
abstract contract Drawing is NetworkTest {
    /// @dev What is asked of a draw.
    struct Wish {
        bool sameGpu;
        uint256 minVramGb;
        bytes32 gpuModel;
    }

    struct Hits {
        uint256[][3] slots;
        uint256[] pairs;
        uint256[] triples;
        uint256 neighbours;
        uint256 sameWord;
    }

    uint48 private fixedBlock;
    uint40 private fixedLayout;

    /// @dev Members of a tier that share one word of the registry's bitmap.
    uint256 private constant _WORD = 255;
    /// @dev Standard normal quantile of 99.9 %, in millionths.
    uint256 private constant _Z = 3_090_232;

    /// @dev How often `test` is to draw: `quick` in `npm test`, `full` in `npm run test:draw`.
    function draws(uint256 quick, uint256 full) internal view returns (uint256) {
        return vm.envOr("CRYNUX_FULL_DRAWS", false) ? full : quick;
    }

    function anyNode() internal pure returns (Wish memory) {
        return Wish({sameGpu: false, minVramGb: 0, gpuModel: 0});
    }

    /// @dev A second registry, whose TaskConsensus is this contract.
    function setUp() public virtual override {
        super.setUp();
        registry = newRegistry(token, incentivePool, address(this), address(this));
    }

    /// @dev Draws; the three stay busy.
    function draw(bytes32 seed, Wish memory wish) internal returns (address[3] memory wallets) {
        return registry.draw(asked(seed, wish));
    }

    /// @dev From now on the seed is known: draws are those of the present block, whatever happens to the network.
    function fixDraws() internal {
        (fixedBlock, fixedLayout) = (uint48(block.number), registry.layout());
        nextBlock();
    }

    function asked(bytes32 seed, Wish memory wish) internal view returns (INodePools.Draw memory) {
        return INodePools.Draw({
            seed: seed,
            drawBlock: fixedBlock == 0 ? uint48(block.number) : fixedBlock,
            layout: fixedBlock == 0 ? registry.layout() : fixedLayout,
            sameGpu: wish.sameGpu,
            minVramGb: uint16(wish.minVramGb),
            gpuModel: wish.gpuModel
        });
    }

    /// @dev Lets go of the three.
    function release(address[3] memory wallets) internal {
        registry.settle(wallets, [INodePools.Action.Free, INodePools.Action.Free, INodePools.Action.Free]);
    }

    /// @dev Draws, lets go, and gives the numbers of the three (their places in `nodes`) in the order of the draw.
    function drawn3(uint256 seed, Wish memory wish) internal returns (uint256[3] memory numbers) {
        uint256 memoryEnd;
        assembly {
            memoryEnd := mload(0x40)
        }
        address[3] memory wallets = draw(keccak256(abi.encode(seed)), wish);
        release(wallets);
        for (uint256 i = 0; i < 3; ++i) {
            numbers[i] = numberOf(wallets[i]);
        }
        // Memory of many draws would cost more than the draws.
        assembly {
            mstore(0x40, memoryEnd)
        }
    }

    /// @dev As NetworkTest.addNode numbers them.
    function numberOf(address wallet) internal pure returns (uint256) {
        return uint160(wallet) - 0x10000;
    }

    function pause(address node) internal {
        vm.prank(node);
        registry.pause();
    }

    function resume(address node) internal {
        vm.prank(node);
        registry.resume();
    }

    // ---- statistics

    /// @dev Chi-square of `hits` against `total` / hits.length each, in thousandths.
    function chiSquare(uint256[] memory hits, uint256 total) internal pure returns (uint256) {
        uint256 squares;
        for (uint256 i = 0; i < hits.length; ++i) {
            squares += hits[i] * hits[i];
        }
        // Σ(h − t/n)² / (t/n) = n·Σh²/t − t
        return (1_000 * hits.length * squares) / total - 1_000 * total;
    }

    /// @dev What chi-square with `freedom` degrees of freedom passes once in a thousand times, in thousandths (Wilson and
    /// Hilferty 1931; at most 1.2 % too high from 5 degrees on).
    function critical(uint256 freedom) internal pure returns (uint256) {
        uint256 spread = (2 * 1e12) / (9 * freedom);
        uint256 cubeRoot = 1e6 - spread / 1e6 + (_Z * root(spread)) / 1e6;
        return (freedom * cubeRoot * cubeRoot * cubeRoot) / 1e15;
    }

    /// @dev What a uniform draw shows of the nodes with these numbers, none other being free: each as often as any other in
    /// each place of the three, each two as often together as any other two, next to each other or far apart.
    function assertUniform(string memory what, Wish memory wish, uint256[] memory free, uint256 total) internal {
        uint256[] memory rank = new uint256[](nodes.length); // from 1
        for (uint256 i = 0; i < free.length; ++i) {
            rank[free[i]] = i + 1;
        }
        Hits memory hits = _hitsFor(free.length, total);
        vm.pauseGasMetering();
        for (uint256 seed = 0; seed < total; ++seed) {
            uint256[3] memory numbers = drawn3(seed, wish);
            if (numbers[0] / _WORD == numbers[1] / _WORD) ++hits.sameWord;
            // Underflows, and so fails, where a busy node was drawn.
            _tally(hits, free.length, rank[numbers[0]] - 1, rank[numbers[1]] - 1, rank[numbers[2]] - 1);
        }
        assertChance(string.concat(what, ": first"), hits.slots[0], total);
        assertChance(string.concat(what, ": second"), hits.slots[1], total);
        assertChance(string.concat(what, ": third"), hits.slots[2], total);
        if (wish.sameGpu && wish.gpuModel == 0) return; // others of its model only
        if (hits.pairs.length != 0) assertChance(string.concat(what, ": first and second"), hits.pairs, total);
        if (hits.triples.length != 0) assertChance(string.concat(what, ": all three"), hits.triples, total);
        assertShare(string.concat(what, ": neighbours drawn together"), hits.neighbours, total, 2e18 / free.length);
        assertShare(string.concat(what, ": two of one word"), hits.sameWord, total, _chanceOfSameWord(free));
    }

    /// @dev Counts all pairs, or threes, where they are few enough for the five hits each that chi-square wants.
    function _hitsFor(uint256 count, uint256 total) private pure returns (Hits memory hits) {
        hits.slots = [new uint256[](count), new uint256[](count), new uint256[](count)];
        uint256 pairs = count * (count - 1);
        if (pairs * 5 <= total) hits.pairs = new uint256[](pairs);
        uint256 triples = pairs * (count - 2);
        if (triples * 5 <= total) hits.triples = new uint256[](triples);
    }

    function _tally(Hits memory hits, uint256 count, uint256 a, uint256 b, uint256 c) private pure {
        vm.assertTrue(a != b && a != c && b != c, "distinct");
        ++hits.slots[0][a];
        ++hits.slots[1][b];
        ++hits.slots[2][c];
        if (a + 1 == b || b + 1 == a) ++hits.neighbours;
        // The second is one of the count − 1 others, the third one of the count − 2 that are left.
        uint256 pair = a * (count - 1) + (b > a ? b - 1 : b);
        if (hits.pairs.length != 0) ++hits.pairs[pair];
        if (hits.triples.length != 0) {
            ++hits.triples[pair * (count - 2) + c - (c > a ? 1 : 0) - (c > b ? 1 : 0)];
        }
    }

    /// @dev That two random ones of `free` share a word of the bitmap.
    function _chanceOfSameWord(uint256[] memory free) private view returns (uint256) {
        uint256[] memory inWord = new uint256[](nodes.length / _WORD + 1);
        uint256 ordered;
        for (uint256 i = 0; i < free.length; ++i) {
            ordered += 2 * inWord[free[i] / _WORD]++;
        }
        return (1e18 * ordered) / (free.length * (free.length - 1));
    }

    /// @dev Prints chi-square and asserts that it is below what chance passes once in a thousand times.
    function assertChance(string memory what, uint256[] memory hits, uint256 total) internal view {
        assertChance(what, chiSquare(hits, total), hits.length - 1, total);
    }

    function assertChance(string memory what, uint256 value, uint256 freedom, uint256 total) internal view {
        uint256 limit = critical(freedom);
        print(
            string.concat(
                what,
                ": chi-square ",
                thousandths(value),
                ", ",
                vm.toString(freedom),
                " degrees of freedom, limit ",
                thousandths(limit),
                ", draws"
            ),
            total
        );
        vm.assertLe(value, limit, what);
    }

    /// @dev Prints how often something happened and asserts that it is within 4 standard deviations of `chance`
    /// (in 1e18), which chance leaves once in 16,000 times.
    function assertShare(string memory what, uint256 hits, uint256 total, uint256 chance) internal view {
        uint256 expected = (total * chance) / 1e18;
        uint256 deviation = root((total * chance) / 1e18 * (1e18 - chance) / 1e18);
        print(
            string.concat(
                what,
                ": ",
                vm.toString(hits),
                " times, expected ",
                vm.toString(expected),
                " (standard deviation ",
                vm.toString(deviation),
                "), draws"
            ),
            total
        );
        uint256 difference = hits > expected ? hits - expected : expected - hits;
        vm.assertLe(difference, 4 * deviation + 1, what);
    }

    function thousandths(uint256 value) internal pure returns (string memory) {
        string memory rest = vm.toString(1_000 + value % 1_000);
        bytes memory digits = bytes(rest);
        return string.concat(vm.toString(value / 1_000), ".", string(abi.encodePacked(digits[1], digits[2], digits[3])));
    }

    /// @dev The whole part of the square root (Newton).
    function root(uint256 value) internal pure returns (uint256 low) {
        if (value < 2) return value;
        low = value;
        uint256 next = (value + 1) / 2;
        while (next < low) {
            low = next;
            next = (value / next + next) / 2;
        }
    }
}
