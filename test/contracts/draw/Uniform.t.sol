// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {INodeRegistry} from "../../../contracts/interfaces/INodeRegistry.sol";
import {Drawing} from "./Drawing.sol";

/// @notice Every free node is drawn as often as any other, in every place of the three, and with every other one, however
/// the free ones lie among the busy ones. Chi-square against exact chances; the seeds are 0, 1, 2, … of each test.
contract UniformTest is Drawing {
    uint256 private constant MEMBERS = 1_200; // five words of 255 in the bitmaps, the last one not full

    uint256[] private _free; // numbers of the free nodes

    function setUp() public override {
        super.setUp();
        addNodes(MEMBERS);
    }

    function test_AllFree() external {
        _pauseAllBut(1);
        assertUniform("all of 1200 free", anyNode(), _free, draws(10_000, 100_000));
    }

    function test_HalfFree() external {
        _pauseAllBut(2);
        assertUniform("50 % of 1200 free", anyNode(), _free, draws(10_000, 100_000));
    }

    function test_QuarterFree() external {
        _pauseAllBut(4);
        assertUniform("25 % of 1200 free", anyNode(), _free, draws(10_000, 100_000));
    }

    function test_TwentiethFree() external {
        _pauseAllBut(20);
        assertUniform("5 % of 1200 free", anyNode(), _free, draws(10_000, 100_000));
    }

    /// @dev Which three is certain; their order must still be chance. Two of them are neighbours.
    function test_ThreeFree() external {
        for (uint256 i = 0; i < MEMBERS; ++i) {
            _keep(i, i == 7 || i == 800 || i == 801);
        }
        assertUniform("3 of 1200 free", anyNode(), _free, draws(6_000, 100_000));
    }

    /// @dev One word nearly all busy, one with every eighth free, the others free: a draw that chose a word first, each as
    /// often as any other, would give the two of the busy word a hundred times their share.
    function test_UnevenWords() external {
        for (uint256 i = 0; i < MEMBERS; ++i) {
            if (i >= 255 && i < 510) _keep(i, i == 300 || i == 301);
            else if (i >= 510 && i < 765) _keep(i, i % 8 == 0);
            else _keep(i, true);
        }
        assertUniform("uneven words", anyNode(), _free, draws(10_000, 100_000));
    }

    function _pauseAllBut(uint256 oneIn) private {
        for (uint256 i = 0; i < MEMBERS; ++i) {
            _keep(i, uint256(keccak256(abi.encode(i))) % oneIn == 0);
        }
    }

    function _keep(uint256 number, bool free) private {
        if (free) _free.push(number);
        else pause(nodes[number]);
    }
}

/// @notice The same for few nodes, where each ordered three can be counted.
contract SmallUniformTest is Drawing {
    uint256[] private _free;

    function test_EightOfEight() external {
        addNodes(8);
        for (uint256 i = 0; i < 8; ++i) {
            _free.push(i);
        }
        assertUniform("all of 8 free", anyNode(), _free, draws(8_000, 100_000));
    }

    function test_TenOfForty() external {
        addNodes(40);
        for (uint256 i = 0; i < 40; ++i) {
            if (i % 4 == 1) _free.push(i);
            else pause(nodes[i]);
        }
        assertUniform("10 of 40 free", anyNode(), _free, draws(8_000, 100_000));
    }
}

/// @notice Nodes of all VRAM tiers: uniform over those with enough, also where the least VRAM lies inside of a tier.
contract TierUniformTest is Drawing {
    uint256 private constant MEMBERS = 330;

    uint256[] private _fit;
    uint32[11] private _vramGb = [uint32(2), 4, 8, 9, 10, 11, 12, 16, 24, 48, 96];

    function setUp() public override {
        super.setUp();
        for (uint256 i = 0; i < MEMBERS; ++i) {
            // The big tiers grow smaller: 24 GB and more are a few each.
            uint256 kind = i % 11;
            if (kind > 7 && i % 3 != 0) kind = 4;
            addNode(GPU, _vramGb[kind]);
            if (i % 5 == 2) pause(nodes[i]);
        }
    }

    function test_AnyVram() external {
        _assertUniform("any VRAM", 0);
    }

    function test_MinimumInsideOfATier() external {
        _assertUniform("10 GB, inside of the tier of 8 to 11", 10);
    }

    function test_MinimumAtTheEdgeOfATier() external {
        _assertUniform("24 GB", 24);
    }

    function _assertUniform(string memory what, uint32 minVramGb) private {
        for (uint256 i = 0; i < MEMBERS; ++i) {
            if (i % 5 != 2 && registry.node(nodes[i]).vramGb >= minVramGb) _fit.push(i);
        }
        Wish memory wish = Wish({sameGpu: false, minVramGb: minVramGb, gpuModel: 0});
        vm.assertEq(registry.availableCount(false, minVramGb, 0), _fit.length);
        assertUniform(what, wish, _fit, draws(5_000, 100_000));
    }
}

/// @notice Text: three of one model; a model's chance is its share of the free nodes, and inside of it all is uniform. So
/// each free node of a model that has three is drawn first as often as any other.
contract GroupUniformTest is Drawing {
    bytes32 private constant OTHER_GPU = keccak256("Apple M3 Max");
    bytes32 private constant RARE_GPU = keccak256("NVIDIA A100");

    uint256 private constant MEMBERS = 120;
    uint256[] private _free;

    function setUp() public override {
        super.setUp();
        for (uint256 i = 0; i < MEMBERS; ++i) {
            bytes32 model = i % 3 == 0 ? OTHER_GPU : GPU;
            if (i == 11 || i == 50 || i == 51 || i == 52) model = RARE_GPU;
            if (i == 33 || i == 90) model = keccak256(abi.encode(i)); // alone
            addNode(model, 24);
            if (i % 4 == 3 && i != 51) pause(nodes[i]);
        }
    }

    function test_AnyModel() external {
        for (uint256 i = 0; i < MEMBERS; ++i) {
            if (i != 33 && i != 90) _add(i);
        }
        assertUniform("text, any model", Wish({sameGpu: true, minVramGb: 0, gpuModel: 0}), _free, draws(3_000, 100_000));
    }

    function test_NamedModel() external {
        for (uint256 i = 0; i < MEMBERS; ++i) {
            if (registry.node(nodes[i]).gpuModel == OTHER_GPU) _add(i);
        }
        Wish memory wish = Wish({sameGpu: true, minVramGb: 0, gpuModel: OTHER_GPU});
        assertUniform("text, a named model", wish, _free, draws(3_000, 100_000));
    }

    function test_ThreeAreOfOneModel() external {
        uint256[3] memory hits;
        uint256[3] memory size;
        for (uint256 i = 0; i < MEMBERS; ++i) {
            uint256 group = _group(nodes[i]);
            if (group < 3 && statusOf(nodes[i]) == INodeRegistry.Status.Available) ++size[group];
        }
        uint256 total = draws(3_000, 20_000);
        vm.pauseGasMetering();
        for (uint256 seed = 0; seed < total; ++seed) {
            uint256[3] memory numbers = drawn3(seed, Wish({sameGpu: true, minVramGb: 0, gpuModel: 0}));
            uint256 group = _group(nodes[numbers[0]]);
            vm.assertEq(_group(nodes[numbers[1]]), group, "one model");
            vm.assertEq(_group(nodes[numbers[2]]), group, "one model");
            ++hits[group];
        }
        uint256 free = size[0] + size[1] + size[2];
        for (uint256 i = 0; i < 3; ++i) {
            string memory what = string.concat("text, share of a model of ", vm.toString(size[i]));
            assertShare(what, hits[i], total, (1e18 * size[i]) / free);
        }
    }

    function _add(uint256 number) private {
        if (statusOf(nodes[number]) == INodeRegistry.Status.Available) _free.push(number);
    }

    /// @dev 3 for a model without three nodes.
    function _group(address node) private view returns (uint256) {
        bytes32 model = registry.node(node).gpuModel;
        if (model == GPU) return 0;
        if (model == OTHER_GPU) return 1;
        return model == RARE_GPU ? 2 : 3;
    }
}
