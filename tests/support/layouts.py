"""Data sets as Keras, fastai, torchvision, Roboflow, Kaggle and others leave them, and what reading them gives."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pyarrow
import pyarrow.parquet
import scipy.io


class Layout(NamedTuple):
    """Files as they lie in a folder, and what reading it gives.

    Parameters
    ----------
    files : str
        Names with braces as in a shell.
    texts : dict of str -> str or bytes
        Files with a content of their own.
    data : str
        What is loaded.
    classes, split : str
        What is expected; without classes it is a refusal.
    refusal : tuple of str
        Words of it.
    options : dict
    """

    name: str
    files: str
    texts: Mapping[str, Any] = MappingProxyType({})
    data: str = "."
    classes: str = ""
    split: str = ""
    refusal: tuple[str, ...] = ()
    options: Mapping[str, str] = MappingProxyType({})


def hugging_face_parquet(folder):
    image = (folder / "one.png").read_bytes()
    cells = [{"bytes": image, "path": f"{name}.png"} for name in ("ct1", "ct2", "dt1")]
    table = pyarrow.table({"image": cells, "label": [0, 0, 1]})
    features = b'{"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}'
    (folder / "data").mkdir()
    pyarrow.parquet.write_table(
        table.replace_schema_metadata({b"huggingface": features}), folder / "data" / "train-00000-of-00001.parquet"
    )


def flowers(folder):
    scipy.io.savemat(folder / "setid.mat", {"trnid": [[1, 4]], "valid": [[2, 5]], "tstid": [[3, 6]]})
    scipy.io.savemat(folder / "imagelabels.mat", {"labels": np.uint8([[1, 1, 1, 2, 2, 2]])})


BOX = "0 0.5 0.5 0.2 0.2\n"
LAYOUTS = [
    Layout(
        "Keras: cats_and_dogs_filtered",
        "train/cats/ct{1,2}.jpg train/dogs/dt{1,2}.jpg validation/cats/cv1.jpg validation/dogs/dv1.jpg",
        {"vectorize.py": ""},
        classes="cats 3, dogs 3",
        split="training 4, validation 2",
    ),
    Layout(
        "Keras: flower_photos, one folder above the classes",
        "flower_photos/daisy/d1.jpg flower_photos/roses/r{1,2}.jpg",
        {"flower_photos/LICENSE.txt": "CC-BY"},
        classes="daisy 1, roses 2",
    ),
    Layout(
        "fastai: imagenette",
        "imagenette2/train/n01/nt{1,2}.JPEG imagenette2/val/n01/nv1.JPEG",
        {"imagenette2/noisy_imagenette.csv": "path,noisy_labels_0,is_valid\ntrain/n01/nt1.JPEG,n01,False\n"},
        classes="n01 3",
        split="training 2, validation 1",
    ),
    Layout(
        "fastai: mnist_sample",
        "train/3/3t{1,2}.png train/7/7t1.png valid/3/3v1.png valid/7/7v1.png",
        {"labels.csv": "name,label\ntrain/3/3t1.png,0\n"},
        classes="3 3, 7 2",
        split="training 3, validation 2",
    ),
    Layout(
        "fastai: a table with is_valid",
        "train/ct1.jpg train/dt1.jpg train/cv1.jpg train/dv1.jpg",
        {
            "train.csv": "fname,label,is_valid\ntrain/ct1.jpg,cat,False\ntrain/dt1.jpg,dog,False\n"
            "train/cv1.jpg,cat,True\ntrain/dv1.jpg,dog,True\n"
        },
        data="train.csv",
        classes="cat 2, dog 2",
        split="training 2, validation 2",
    ),
    Layout(
        "fastai: several classes to an image",
        "train/ct1.jpg train/dt1.jpg",
        {"train.csv": "fname,labels\nct1.jpg,car dog\ndt1.jpg,dog\nct1.jpg,car\n"},
        data="train.csv",
        refusal=("several classes to an image", "'car dog'", "--label-column labels"),
    ),
    Layout(
        "torchvision: hymenoptera_data as it is unpacked on a Mac",
        "hymenoptera_data/train/ants/at{1,2}.jpg hymenoptera_data/train/bees/bt1.jpg "
        "hymenoptera_data/val/ants/av1.jpg hymenoptera_data/val/bees/bv1.jpg",
        {"__MACOSX/hymenoptera_data/train/ants/._at1.jpg": "", "hymenoptera_data/.DS_Store": ""},
        classes="ants 3, bees 2",
        split="training 3, validation 2",
    ),
    Layout(
        "torchvision: GTSRB, its test images in one folder",
        "GTSRB/Training/00000/1.ppm GTSRB/Training/00001/2.ppm GTSRB/Final_Test/Images/3.ppm",
        {"GTSRB/Training/00000/GT-00000.csv": "Filename;Width;Height;ClassId\n1.ppm;4;3;0\n"},
        refusal=("GTSRB/Final_Test holds images without class folders", "`featx fit {}/GTSRB/Training -o"),
    ),
    Layout(
        "torchvision: Food-101, its split in lists",
        "food-101/images/apple_pie/a{1,2}.jpg food-101/images/sushi/s1.jpg",
        {"food-101/meta/train.txt": "apple_pie/a1\n", "food-101/meta/test.txt": "sushi/s1\n"},
        classes="apple_pie 2, sushi 1",
    ),
    Layout(
        "torchvision: DTD, its labels in lists",
        "dtd/images/banded/b1.jpg dtd/images/dotted/d1.jpg",
        {"dtd/labels/train1.txt": "banded/b1.jpg\n", "dtd/imdb/imdb.mat": ""},
        classes="banded 1, dotted 1",
    ),
    Layout(
        "torchvision: Oxford-IIIT pets, classes in the names of files",
        "images/Abyssinian_1.jpg images/beagle_1.jpg",
        {"annotations/list.txt": "Abyssinian_1 1 1 1\n"},
        refusal=("has no labels", "one sub-folder a class", r"`--label-pattern '(?P<label>[^/]+)_\d+\.\w+$'`"),
    ),
    Layout(
        "torchvision: Oxford flowers as they are downloaded",
        "jpg/image_0000{1,2,3,4,5,6}.jpg",
        {"": flowers},
        classes="1 3, 2 3",
        split="training 2, validation 2, test 2",
    ),
    Layout(
        "torchvision: Oxford flowers, the split named",
        "jpg/image_0000{1,2,3,4,5,6}.jpg",
        {"": flowers},
        data="jpg",
        classes="1 3, 2 3",
        split="training 2, validation 2, test 2",
        options={"split_from": "setid.mat"},
    ),
    Layout(
        "Ultralytics: YOLO for classification",
        "data/train/cat/ct{1,2}.jpg data/train/dog/dt1.jpg data/val/cat/cv1.jpg data/val/dog/dv1.jpg "
        "data/test/cat/cs1.jpg data/test/dog/ds1.jpg",
        classes="cat 4, dog 3",
        split="training 3, validation 2, test 2",
    ),
    Layout(
        "Ultralytics: YOLO for detection",
        "images/train/1.jpg images/val/2.jpg",
        {"labels/train/1.txt": BOX, "labels/val/2.txt": BOX, "data.yaml": "nc: 2"},
        refusal=("object detection (YOLO)", "labels/train/1.txt", "Cut the objects out"),
    ),
    Layout(
        "Roboflow: folder structure",
        "train/cat/ct{1,2}.jpg train/dog/dt1.jpg valid/cat/cv1.jpg valid/dog/dv1.jpg test/cat/cs1.jpg test/dog/ds1.jpg",
        {"README.roboflow.txt": "exported"},
        classes="cat 4, dog 3",
        split="training 3, validation 2, test 2",
    ),
    Layout(
        "Roboflow: YOLO",
        "train/images/1.jpg valid/images/2.jpg",
        {"train/labels/1.txt": BOX, "valid/labels/2.txt": BOX},
        refusal=("object detection (YOLO)",),
    ),
    Layout(
        "Roboflow: COCO",
        "train/1.jpg valid/2.jpg",
        {"train/_annotations.coco.json": "{}", "valid/_annotations.coco.json": "{}"},
        refusal=("object detection (COCO)",),
    ),
    Layout(
        "Roboflow: Pascal VOC",
        "train/1.jpg valid/2.jpg",
        {"train/1.xml": "<a/>", "valid/2.xml": "<a/>"},
        refusal=("object detection (Pascal VOC)",),
    ),
    Layout(
        "Roboflow: a table of boxes",
        "1.jpg",
        {"_annotations.csv": "filename,width,class,xmin,ymin,xmax,ymax\n1.jpg,4,cat,0,0,1,1\n1.jpg,4,dog,0,0,2,2\n"},
        data="_annotations.csv",
        refusal=("object detection", "Cut the boxes out"),
    ),
    Layout(
        "Roboflow: several classes to an image",
        "train/1.jpg valid/2.jpg",
        {"train/_classes.csv": "filename, cat, dog\n1.jpg, 1, 0\n", "valid/_classes.csv": "filename, cat, dog\n"},
        refusal=("multi-label data set of Roboflow", "Folder Structure"),
    ),
    Layout(
        "Roboflow: the table of that",
        "train/1.jpg",
        {"train/_classes.csv": "filename, cat, dog\n1.jpg, 1, 0\n"},
        data="train/_classes.csv",
        refusal=("columns of 0 and 1 in place of a label (cat, dog)",),
    ),
    Layout(
        "Hugging Face: imagefolder",
        "my\\ data/train/cat/ct1.png my\\ data/train/dog/dt1.png my\\ data/test/cat/cs1.png",
        {"README.md": ""},
        classes="cat 2, dog 1",
        split="training 2, test 1",
    ),
    Layout(
        "Hugging Face: metadata.csv in each part",
        "my\\ data/train/ct1.png my\\ data/train/dt1.png my\\ data/test/cs1.png",
        {
            "my data/train/metadata.csv": "file_name,label\nct1.png,cat\ndt1.png,dog\n",
            "my data/test/metadata.csv": "file_name,label\ncs1.png,cat\n",
        },
        refusal=("metadata.csv", "`featx fit '{}/my data/train/metadata.csv' --test '{}/my data/test/metadata.csv'"),
    ),
    Layout(
        "Hugging Face: metadata.jsonl",
        "ct1.png dt1.png",
        {"metadata.jsonl": '{"file_name": "ct1.png", "label": "cat"}\n{"file_name": "dt1.png", "label": "dog"}\n'},
        data="metadata.jsonl",
        classes="cat 1, dog 1",
    ),
    Layout(
        "Hugging Face: Parquet with the images inside",
        "one.png",
        {"": hugging_face_parquet},
        data="data/train-00000-of-00001.parquet",
        classes="cat 2, dog 1",
    ),
    Layout(
        "Hugging Face: a folder of Parquet",
        "one.png",
        {"": hugging_face_parquet},
        data="data",
        refusal=("holds no image files", "`featx fit {}/data/train-00000-of-00001.parquet"),
    ),
    Layout(
        "Kaggle: Intel scenes, a folder in a folder of the same name",
        "seg_train/seg_train/sea/st{1,2}.jpg seg_train/seg_train/ice/it1.jpg seg_test/seg_test/sea/ss1.jpg "
        "seg_test/seg_test/ice/is1.jpg",
        classes="ice 2, sea 3",
        split="training 3, test 2",
    ),
    Layout(
        "Kaggle: the same with images to predict",
        "seg_train/seg_train/sea/st1.jpg seg_train/seg_train/ice/it1.jpg seg_test/seg_test/sea/ss1.jpg "
        "seg_test/seg_test/ice/is1.jpg seg_pred/seg_pred/1.jpg",
        refusal=("beside seg_pred", "`featx fit {}/seg_train --test {}/seg_test -o model.skops`"),
    ),
    Layout(
        "Kaggle: training_set and test_set",
        "training_set/training_set/cats/ct1.jpg training_set/training_set/dogs/dt1.jpg test_set/test_set/cats/cs1.jpg",
        classes="cats 2, dogs 1",
        split="training 2, test 1",
    ),
    Layout(
        "Kaggle: dogs against cats, classes in the names of files",
        "train/cat.0.jpg train/dog.0.jpg test1/1.jpg",
        refusal=("train and {}/test1 hold images without class folders", "manifest"),
    ),
    Layout(
        "Kaggle: train.csv beside train_images, the folder",
        "train_images/ct1.jpg train_images/dt1.jpg test_images/1.jpg",
        {
            "train.csv": "image_id,label\nct1,cat\ndt1,dog\n",
            "sample_submission.csv": "image_id,label\n1,cat\n",
        },
        refusal=("which may list its images", "`featx fit {}/train.csv -o model.skops`"),
    ),
    Layout(
        "Kaggle: train.csv beside train_images, the table",
        "train_images/ct1.jpg train_images/dt1.jpg test_images/1.jpg",
        {"train.csv": "image_id,label\nct1,cat\ndt1,dog\n"},
        data="train.csv",
        classes="cat 1, dog 1",
    ),
    Layout(
        "Excel: semicolons, a line sep=, empty rows and columns, capitals",
        "ct1.png dt1.png",
        {"list.csv": "\ufeffsep=;\r\nPath;Label;\r\nct1.png;cat;\r\n;;\r\ndt1.png;dog;\r\n;;\r\n"},
        data="list.csv",
        classes="cat 1, dog 1",
    ),
    Layout(
        "Excel: Unicode text, tabs and Windows' paths",
        "images/ct1.png images/cs1.png",
        {
            "list.txt": "File\tClass\tSplit\r\nimages\\ct1.png\tcat\tTrain\r\nimages\\cs1.png\tcat\tTest\r\n".encode(
                "utf-16"
            )
        },
        data="list.txt",
        classes="cat 2",
        split="training 1, test 1",
    ),
    Layout(
        "Excel: the workbook itself",
        "ct1.png",
        {"list.xlsx": b"PK\x03\x04"},
        data="list.xlsx",
        refusal=("Save it as CSV",),
    ),
    Layout(
        "Google: a table without names of columns",
        "ct1.png",
        {"list.csv": "TRAINING,gs://bucket/ct1.png,cat\n"},
        data="list.csv",
        refusal=("does not name its columns", "gs://bucket/ct1.png"),
    ),
    Layout(
        "An iPhone's photographs",
        "",
        {"cat/1.HEIC": "", "dog/2.HEIC": ""},
        refusal=("2 .heic (HEIC)", "Convert it to JPEG"),
    ),
    Layout("A class that is called train", "train/t1.png car/c1.png plane/p1.png", classes="car 1, plane 1, train 1"),
    Layout(
        "Classes with the parts inside",
        "cat/train/ct1.png cat/test/cs1.png dog/train/dt1.png dog/test/ds1.png",
        classes="cat 2, dog 2",
        split="training 2, test 2",
    ),
    Layout(
        "CycleGAN: parts and classes in one name",
        "trainA/1.jpg trainB/2.jpg testA/3.jpg testB/4.jpg",
        refusal=("a part of a split in every folder's name", "{}/train/cat"),
    ),
    Layout(
        "MVTec: several data sets",
        "bottle/train/good/1.png bottle/test/broken/2.png cable/train/good/3.png cable/test/bent/4.png",
        refusal=("{}/bottle holds parts of a split", "alone, if it is one of several data sets"),
    ),
    Layout(
        "Kaggle: GTSRB, with icons of the classes",
        "Train/0/1.png Train/1/2.png Test/3.png Meta/0.png",
        {"Train.csv": "Width,ClassId,Path\n4,0,Train/0/1.png\n"},
        refusal=("beside Meta", "`featx fit {}/Train -o model.skops`"),
    ),
    Layout(
        "Kaggle: chest X-rays, the same again a level deeper",
        "train/NORMAL/1.jpg train/PNEUMONIA/2.jpg test/NORMAL/3.jpg chest_xray/train/NORMAL/1.jpg",
        refusal=("beside chest_xray", "`featx fit {}/train --test {}/test -o model.skops`"),
    ),
    Layout(
        "Kaggle: malaria cells, the same again a level deeper",
        "Parasitized/1.png Uninfected/2.png cell_images/Parasitized/1.png cell_images/Uninfected/2.png",
        refusal=("beside cell_images", "`featx fit {}/cell_images -o model.skops`"),
    ),
    Layout(
        "Kaggle: HAM10000, images in two pieces",
        "HAM10000_images_part_1/1.jpg HAM10000_images_part_2/2.jpg",
        {"HAM10000_metadata.csv": "image_id,dx\n1,nv\n2,mel\n"},
        refusal=("pieces of one set", "manifest"),
    ),
    Layout(
        "Kaggle: Fruits-360, a second kind of test images",
        "fruits-360/Training/Apple/1.jpg fruits-360/Training/Pear/2.jpg fruits-360/Test/Apple/3.jpg "
        "fruits-360/Test/Pear/4.jpg fruits-360/test-multiple_fruits/5.jpg",
        refusal=("beside test-multiple_fruits", "`featx fit {}/fruits-360/Training --test {}/fruits-360/Test -o"),
    ),
    Layout(
        "torchvision: ImageNet, validation and test images without folders",
        "ILSVRC/Data/CLS-LOC/train/n01/1.JPEG ILSVRC/Data/CLS-LOC/train/n02/2.JPEG ILSVRC/Data/CLS-LOC/val/3.JPEG "
        "ILSVRC/Data/CLS-LOC/test/4.JPEG",
        {"ILSVRC/Annotations/CLS-LOC/val/3.xml": "<a/>"},
        refusal=("val and {}/ILSVRC/Data/CLS-LOC/test hold images", "`featx fit {}/ILSVRC/Data/CLS-LOC/train -o"),
    ),
    Layout(
        "torchvision: Tiny ImageNet",
        "train/n01/images/1.JPEG train/n02/images/2.JPEG val/images/3.JPEG test/images/4.JPEG",
        {"train/n01/n01_boxes.txt": "1.JPEG 0 0 1 1\n", "val/val_annotations.txt": "3.JPEG n01 0 0 1 1\n"},
        refusal=("hold images without class folders", "`featx fit {}/train -o model.skops`"),
    ),
    Layout(
        "torchvision: MNIST as pictures",
        "mnist/training/0/0t1.png mnist/training/1/1t1.png mnist/testing/0/0s1.png mnist/testing/1/1s1.png",
        classes="0 2, 1 2",
        split="training 2, test 2",
    ),
    Layout(
        "Segmentation of classes",
        "images/cat/1.png images/dog/2.png masks/cat/1.png masks/dog/2.png",
        refusal=("holds masks beside images", "`featx fit {}/images -o model.skops`"),
    ),
    Layout(
        "Hugging Face: saved to disk",
        "",
        {"data-00000-of-00001.arrow": "", "state.json": "{}"},
        refusal=("to_parquet",),
    ),
    Layout("Segmentation: images and masks", "images/1.png masks/1.png", refusal=("kinds of files, not classes",)),
    Layout(
        "PlantVillage: one set of images three times",
        "color/rust/1.jpg color/scab/2.jpg gray/rust/1.jpg gray/scab/2.jpg segmented/rust/1.jpg segmented/scab/2.jpg",
        refusal=(
            "cannot be told which of them are the classes",
            "If the classes are rust, scab: `featx fit {}/color -o model.skops`",
        ),
    ),
    Layout(
        "Parts with names of another language",
        "Trainingsdaten/cat/ct{1,2}.jpg Trainingsdaten/dog/dt1.jpg Testdaten/cat/cs1.jpg",
        refusal=(
            "If the classes are cat: `featx fit {}/Trainingsdaten --test {}/Testdaten -o model.skops`, or rename them",
        ),
    ),
    Layout(
        "Parts with names of another language, of which the test part is the first and no smaller",
        "Trainingsdaten/cat/ct1.jpg Trainingsdaten/dog/dt1.jpg Testdaten/cat/cs1.jpg Testdaten/dog/ds1.jpg",
        refusal=("`featx fit {}/Trainingsdaten --test {}/Testdaten -o model.skops`, or rename them",),
    ),
    Layout(
        "Parts of which one is named, and is the larger",
        "daten/cat/ct1.jpg daten/dog/dt1.jpg pr\u00fcfung/cat/cs{1,2}.jpg pr\u00fcfung/dog/ds{1,2}.jpg",
        refusal=("`featx fit {}/daten --test '{}/pr\u00fcfung' -o model.skops`, or rename them",),
    ),
    Layout(
        "Folders of one size of which either may be to train on",
        "old/cat/ct1.jpg old/dog/dt1.jpg new/cat/cs1.jpg new/dog/ds1.jpg",
        refusal=(
            "`featx fit {}/new --test {}/old -o model.skops` (or the other way round, if that is the part to train",
        ),
    ),
    Layout(
        "Parts beside classes, none of them to train on",
        "test/cat/cs1.jpg val/cat/cv1.jpg val/dog/dv1.jpg bird/b/1.jpg car/1.jpg",
        refusal=("`featx fit {}/val --test {}/test -o model.skops`",),
    ),
    Layout(
        "Classes with a folder a year",
        "cat/2023/ct1.jpg cat/2024/ct2.jpg dog/2023/dt1.jpg dog/2024/dt2.jpg",
        classes="cat 2, dog 2",
    ),
    Layout("Folds", "fold1/cat/1.png fold1/dog/2.png fold2/cat/3.png", refusal=("pieces of one set", "group")),
]
